// Exchange of parts of the store with the clipboard, files and plots.
import type { Connection } from "./connection.ts";
import type { Edits } from "./edits.ts";
import { copyText, download, pickText } from "./files.ts";
import type { PlotLine } from "./layout.ts";
import type { Row } from "./message.ts";
import { formatPath, parsePath } from "./path.ts";

export class Exchange {
  constructor(
    private readonly connection: Connection,
    private readonly edits: Edits,
    private readonly say: (text: string) => void,
  ) {}

  async copy(text: string | null): Promise<void> {
    if (text === null) return;
    await copyText(text).then(
      () => this.say("Copied"),
      () => this.say("The browser does not allow to copy"),
    );
  }

  async copyYaml(path: string): Promise<void> {
    await this.copy(await this.#read(path, "yaml"));
  }

  async copyValue({ cut, kind, path, text }: Row): Promise<void> {
    if (kind === "array") await this.copy(await this.#read(path, "json"));
    else await this.copy(cut ? await this.#read(path, "text") : text);
  }

  async downloadYaml(path: string): Promise<void> {
    const text = await this.#read(path, "yaml");
    const name = `${this.connection.hello?.store} ${path}`.replaceAll(/[^\p{L}\p{N}._-]+/gu, " ").trim();
    if (text !== null) download(`${name.replaceAll(" ", "-")}.yaml`, text);
  }

  async load(path: string): Promise<void> {
    const text = await pickText(".yaml,.yml,.json");
    this.edits.forget(path);
    const answer = await this.connection.ask({ type: "load", path, text });
    if (answer.type !== "refused") this.say("Loaded");
    else this.edits.report({ path: answer.path ?? path, kind: "", error: answer.error, value: "" });
  }

  /** The numbers that are directly in a struct or list. */
  async numbersIn(path: string): Promise<PlotLine[]> {
    const text = await this.#read(path, "json");
    const parts: unknown = text === null ? null : JSON.parse(text);
    if (typeof parts !== "object" || parts === null) return [];
    const steps = parsePath(path);
    return Object.entries(parts)
      .filter(([, value]) => typeof value === "number")
      .map(([name]) => ({ path: formatPath([...steps, Array.isArray(parts) ? Number(name) : name]) }));
  }

  async #read(path: string, as: "yaml" | "json" | "text"): Promise<string | null> {
    const answer = await this.connection.ask({ type: "read", path, as });
    if (answer.type === "refused") this.say(answer.error);
    return answer.type === "text" ? answer.text : null;
  }
}
