//! What every core peer in Rust shares: its arguments, its clock and its one line of output.

use std::env;
use std::process::ExitCode;
use std::time::Instant;

pub type Error = Box<dyn std::error::Error>;

/// What one sample is to be taken of.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub voters: usize,
    /// Bytes of each command.
    pub bytes: usize,
    /// Commands proposed before everything is pumped.
    pub batch: usize,
    /// Commands in all.
    pub entries: usize,
}

/// Runs one sample: half of the work first, to warm up, and then all of it, measured. `run` returns how
/// many messages were delivered.
pub fn core(run: impl Fn(Setting, &mut Clock) -> Result<usize, Error>) -> ExitCode {
    match measure(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(run: impl Fn(Setting, &mut Clock) -> Result<usize, Error>) -> Result<(), Error> {
    let setting = parse()?;
    let warm_up = Setting {
        entries: setting.entries.div_ceil(2),
        ..setting
    };
    run(warm_up, &mut Clock::default())?;
    let mut clock = Clock::default();
    let messages = run(setting, &mut clock)?;
    println!(
        r#"{{"entries":{},"seconds":{},"cpuSeconds":{},"messages":{messages}}}"#,
        setting.entries, clock.seconds, clock.cpu_seconds,
    );
    Ok(())
}

fn parse() -> Result<Setting, Error> {
    let mut args = env::args().skip(1);
    if args.next().as_deref() != Some("core") {
        return Err("usage: core --voters N --bytes N --batch N --entries N".into());
    }
    let mut setting = Setting {
        voters: 3,
        bytes: 16,
        batch: 64,
        entries: 640_000,
    };
    while let Some(name) = args.next() {
        let value = args
            .next()
            .ok_or_else(|| format!("{name} needs a number"))?
            .parse()?;
        match name.as_str() {
            "--voters" => setting.voters = value,
            "--bytes" => setting.bytes = value,
            "--batch" => setting.batch = value,
            "--entries" => setting.entries = value,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    if setting.voters == 0 || setting.batch == 0 || setting.entries == 0 {
        return Err(format!("no setting: {setting:?}").into());
    }
    Ok(setting)
}

/// Measures one stretch of work.
#[derive(Default)]
pub struct Clock {
    started: Option<(Instant, f64)>,
    seconds: f64,
    cpu_seconds: f64,
}

impl Clock {
    /// Begins the stretch: the group has a leader, and nothing was proposed.
    pub fn start(&mut self) {
        self.started = Some((Instant::now(), cpu_seconds()));
    }

    /// Ends it.
    pub fn stop(&mut self) {
        if let Some((started, started_cpu)) = self.started {
            self.seconds = started.elapsed().as_secs_f64();
            self.cpu_seconds = cpu_seconds() - started_cpu;
        }
    }
}

/// What all threads of this process have used, in user and in kernel.
fn cpu_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `getrusage` fills in the whole struct, which is valid as zeroes too.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn seconds(time: libc::timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 / 1e6
}
