/** The value of an attribute; undefined leaves it out. */
type Attribute = string | number | undefined;

/** An SVG element as text. `children` are elements, which `escapeText` has made of what is not. */
export function element(
  name: string,
  attributes: Readonly<Record<string, Attribute>>,
  children: readonly string[] = [],
): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : ` ${key}="${writtenValue(value)}"`,
  );
  const head = `<${name}${written.join("")}`;
  return children.length === 0 ? `${head}/>` : `${head}>${children.join("")}</${name}>`;
}

/** `text` as it is written between tags, or in an attribute. */
export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

/** A tenth of a pixel is as fine as anyone sees. */
function writtenValue(value: string | number): string {
  return typeof value === "number" ? `${Math.round(value * 10) / 10}` : escapeText(value);
}
