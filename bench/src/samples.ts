/** Numbers that were measured, and what is said of them. Medians and percentiles, never means. */
export class Samples {
  readonly #sorted: Float64Array;

  constructor(values: Iterable<number>) {
    this.#sorted = Float64Array.from(values).sort();
  }

  get count(): number {
    return this.#sorted.length;
  }

  get median(): number {
    return this.percentile(50);
  }

  get min(): number {
    return this.percentile(0);
  }

  get max(): number {
    return this.percentile(100);
  }

  /** The smallest value that at least `percent` of the values do not exceed. NaN if there is none. */
  percentile(percent: number): number {
    const rank = Math.ceil((percent / 100) * this.count) - 1;
    return this.#sorted[Math.max(0, rank)] ?? Number.NaN;
  }

  /** The percentiles from 0 to 100, one for each percent. */
  get quantiles(): number[] {
    return Array.from({ length: 101 }, (_, percent) => this.percentile(percent));
  }

  /** The share of values for which `holds` is true, from 0 to 1. */
  share(holds: (value: number) => boolean): number {
    return this.#sorted.filter(holds).length / this.count;
  }
}
