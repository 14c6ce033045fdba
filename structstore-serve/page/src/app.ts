// The viewer of one store: a toolbar, the tree, the panels and a status line.
import { html, LitElement, nothing } from "lit";
import { property, query, state } from "lit/decorators.js";
import { appStyles } from "./app-styles.ts";
import { Connection } from "./connection.ts";
import { Edits } from "./edits.ts";
import { element } from "./element.ts";
import { Exchange } from "./exchange.ts";
import { download, pickText } from "./files.ts";
import type { Help } from "./help.ts";
import "./help.ts";
import { icons } from "./icons.ts";
import type { Panel, Spec } from "./layout.ts";
import * as layouts from "./layout.ts";
import { type Item, type Menu, type MenuRequest, openMenu } from "./menu.ts";
import type { Row } from "./message.ts";
import { maxLines, offers, plotOf } from "./offers.ts";
import type { Panels, RowDrop } from "./panels.ts";
import "./panels.ts";
import { problemStyles, renderProblem } from "./problem.ts";
import { editable, resettable } from "./row.ts";
import { renderStatus, statusStyles } from "./status.ts";
import * as storage from "./storage.ts";
import type { TextDialog } from "./text-dialog.ts";
import "./text-dialog.ts";
import { type Choice, controls, theme, tokens } from "./theme.ts";
import "./timeline.ts";
import type { Transport } from "./transport.ts";
import type { RowMenu, Tree } from "./tree.ts";
import "./tree.ts";
import { isContainer } from "./value.ts";

type Notice = { text: string; act?: { label: string; run: () => void } | undefined };

/** The least width of the tree and of the panels, in percent. */
const narrowest = 22;

@element("structstore-app")
export class App extends LitElement {
  static override styles = [tokens, controls, problemStyles, statusStyles, appStyles];

  @property({ attribute: false }) transport!: Transport;
  /** Where the list of all stores is, if there is one. */
  @property({ attribute: false }) list: string | null = null;
  /** Whether this is a part of another page. */
  @property({ type: Boolean, reflect: true }) embedded = false;
  @state() private search = "";
  @state() private open: ReadonlySet<string> = new Set();
  @state() private panels: Panel[] = [];
  @state() private tab: "tree" | "panels" = "tree";
  @state() private split = Number(storage.get("split")) || 48;
  @state() private notice: Notice | null = null;
  @query("structstore-tree") private tree!: Tree;
  @query("structstore-panels") private grid!: Panels;
  @query("structstore-menu") private menu!: Menu;
  @query("structstore-help") private help!: Help;
  @query("structstore-text-dialog") private textDialog!: TextDialog;
  @query(".search input") private searchInput!: HTMLInputElement;

  #connection!: Connection;
  #edits!: Edits;
  #exchange!: Exchange;
  #store: string | null = null;
  #lastPlot = 0;
  #timer = 0;
  #searchTimer = 0;
  #ends: (() => void)[] = [];

  constructor() {
    super();
    this.addEventListener("menu", (event) => this.menu.open((event as CustomEvent<MenuRequest>).detail));
  }

  get connected(): boolean {
    return this.#connection?.live ?? false;
  }

  /** How many turns are drawn. */
  get turns(): number {
    return this.#connection?.turns ?? 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#connection = new Connection(this.transport);
    this.#edits = new Edits(this.#connection);
    this.#exchange = new Exchange(this.#connection, this.#edits, (text) => this.#say(text));
    this.#ends = [
      this.#connection.changed.on(() => this.#changed()),
      this.#edits.changed.on(() => this.requestUpdate()),
      theme.changed.on(() => this.#applyTheme()),
    ];
    this.#applyTheme();
    window.addEventListener("keydown", this.#press);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("keydown", this.#press);
    for (const end of this.#ends) end();
    this.#connection.close();
  }

  override render() {
    const { undo } = this.#edits;
    const stale = !this.connected && this.#connection.hello !== null;
    const filled = this.panels.length > 0 ? "filled" : "";
    return html`
      <div class="toolbar" role="toolbar" aria-label="Viewer">
        ${this.list ? html`<a class="back" href=${this.list} title="All stores" aria-label="All stores">${icons.back}</a>` : nothing}
        <h1>${this.#connection.hello?.store ?? "StructStore"}</h1>
        <div class="search" role="search">
          ${icons.search}
          <input
            type="search"
            placeholder="Search"
            aria-label="Search fields"
            title="Search fields (/)"
            autocomplete="off"
            spellcheck="false"
            @input=${this.#type}
            @keydown=${this.#pressSearch}
          />
        </div>
        <button class="icon" title="Undo (Ctrl+Z)" aria-label="Undo" ?disabled=${!undo.canUndo} @click=${this.#undo}>${icons.undo}</button>
        <button class="icon" title="Redo (Ctrl+Shift+Z)" aria-label="Redo" ?disabled=${!undo.canRedo} @click=${this.#redo}>${icons.redo}</button>
        <i></i>
        <button class="icon" title="Memory, processes, locks" aria-label="Info" @click=${this.#showInfo}>${icons.info}</button>
        <button class="icon" title="Layout" aria-label="Layout" @click=${this.#layoutMenu}>${icons.layout}</button>
        <button class="icon" title="Theme: ${theme.choice}" aria-label="Theme" @click=${this.#themeMenu}>${icons[theme.choice]}</button>
        <button class="icon" title="Keys (?)" aria-label="Keys" @click=${() => this.help.open()}>${icons.help}</button>
      </div>
      <div class="tabs" role="tablist">
        <button role="tab" aria-selected=${this.tab === "tree"} @click=${() => this.#showTab("tree")}>Tree</button>
        <button role="tab" aria-selected=${this.tab === "panels"} @click=${() => this.#showTab("panels")}>
          Panels${this.panels.length ? ` (${this.panels.length})` : ""}
        </button>
      </div>
      <div
        class="main ${this.tab} ${stale ? "stale" : ""} ${filled}"
        .style=${`--split: ${this.split}%`}
        @fold=${this.#fold}
        @add=${(event: CustomEvent<Spec>) => this.#add(event.detail)}
        @add-row=${(event: CustomEvent<RowDrop>) => this.#addRow(event.detail, this.#target)}
        @drop-row=${(event: CustomEvent<RowDrop>) => this.#addRow(event.detail, event.detail.target ?? 0)}
        @row-menu=${this.#rowMenu}
        @panels=${(event: CustomEvent<Panel[]>) => this.#setPanels(event.detail)}
        @edit-text=${(event: CustomEvent<Row>) => this.textDialog.open(event.detail)}
        @clear-search=${() => this.#setSearch("")}
      >
        <structstore-tree
          .connection=${this.#connection}
          .edits=${this.#edits}
          .open=${this.open}
          .search=${this.search}
        ></structstore-tree>
        <div
          class="splitter"
          role="separator"
          tabindex="0"
          aria-orientation="vertical"
          aria-label="Width of the tree"
          aria-valuenow=${Math.round(this.split)}
          @pointerdown=${this.#grabSplitter}
          @keydown=${this.#pressSplitter}
        ></div>
        <structstore-panels .connection=${this.#connection} .edits=${this.#edits} .panels=${this.panels}></structstore-panels>
      </div>
      ${
        this.#connection.hello?.timeline
          ? html`<structstore-timeline .connection=${this.#connection}></structstore-timeline>`
          : nothing
      }
      ${renderStatus(this.#connection, this.embedded)}
      <div class="toasts">${this.#renderToasts()}</div>
      <structstore-menu></structstore-menu>
      <structstore-help .connection=${this.#connection} .embedded=${this.embedded}></structstore-help>
      <structstore-text-dialog .connection=${this.#connection} .edits=${this.#edits}></structstore-text-dialog>
    `;
  }

  #renderToasts() {
    const { notice } = this;
    const problems = [...this.#edits.problems.values()].filter(({ path }) => !this.#showsProblem(path));
    return html`
      ${problems.map(
        (problem) =>
          html`<span class="where">${problem.path || "(root)"}</span>${renderProblem(problem, this.#edits)}`,
      )}
      ${
        notice
          ? html`<div class="toast" role="status">
              ${notice.text}
              ${
                notice.act
                  ? html`<button class="small" @click=${() => this.#runNotice(notice.act?.run)}>${notice.act.label}</button>
                      <button class="icon small" title="Close" @click=${() => this.#runNotice()}>${icons.close}</button>`
                  : nothing
              }
            </div>`
          : nothing
      }
    `;
  }

  /** Whether the tree or a table shows what was refused at `path`. */
  #showsProblem(path: string): boolean {
    const inTable = ({ spec }: Panel) => spec.kind === "table" && path.startsWith(`${spec.path}[`);
    return this.tree?.shows(path) || this.panels.some(inTable);
  }

  #runNotice(run?: () => void): void {
    this.notice = null;
    run?.();
  }

  #say(text: string, act?: Notice["act"]): void {
    this.notice = { text, act };
    clearTimeout(this.#timer);
    const seconds = act ? 15 : 3;
    this.#timer = setTimeout(() => this.#runNotice(), 1000 * seconds);
  }

  /** Says what happens in the panels while only the tree is shown. */
  async #sayHidden(text: string): Promise<void> {
    await this.updateComplete;
    if (!this.grid.offsetParent) this.#say(text);
  }

  #changed(): void {
    const { hello } = this.#connection;
    if (hello && hello.store !== this.#store) {
      this.#store = hello.store;
      if (!this.embedded) document.title = `${hello.store} – StructStore`;
      const { open, panels } = layouts.loadLayout(hello.store);
      this.open = new Set(open);
      this.panels = panels;
      if (panels.length === 0) this.#offerLayout();
    }
    this.requestUpdate();
  }

  #applyTheme(): void {
    theme.apply(this);
    if (!this.embedded) theme.apply(document.documentElement);
    this.requestUpdate();
  }

  // The search.

  #type(event: Event): void {
    const { value } = event.target as HTMLInputElement;
    clearTimeout(this.#searchTimer);
    this.#searchTimer = setTimeout(() => this.#setSearch(value), 120);
  }

  #setSearch(search: string): void {
    clearTimeout(this.#searchTimer);
    this.search = search.trim();
    this.searchInput.value = search;
  }

  #pressSearch(event: KeyboardEvent): void {
    if (event.key === "Escape") this.#setSearch("");
    else if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    event.stopPropagation();
    this.tree.focus();
  }

  #press = (event: KeyboardEvent): void => {
    const inner = event.composedPath()[0] as HTMLElement;
    if (this.embedded && !event.composedPath().includes(this)) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      if (event.shiftKey) this.#redo();
      else this.#undo();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || inner.matches?.("input, textarea, select")) return;
    if (event.key === "/") {
      event.preventDefault();
      this.#showTab("tree");
      this.searchInput.focus();
      this.searchInput.select();
    } else if (event.key === "?") this.help.open();
  };

  #undo(): void {
    this.#edits.undoStep();
  }

  #redo(): void {
    this.#edits.redoStep();
  }

  // What is shown.

  #fold(event: CustomEvent<{ path: string; open: boolean }>): void {
    const { open, path } = event.detail;
    const paths = new Set(this.open);
    if (open) paths.add(path);
    else paths.delete(path);
    this.open = paths;
    this.#save();
  }

  #setPanels(panels: Panel[]): void {
    this.panels = panels;
    this.#save();
  }

  #setLayout({ open, panels }: layouts.Layout): void {
    this.open = new Set(open);
    this.#setPanels(panels);
  }

  get #layout(): layouts.Layout {
    return { open: [...this.open], panels: this.panels };
  }

  #save(): void {
    if (this.#store) layouts.saveLayout(this.#store, this.#layout);
  }

  #showTab(tab: "tree" | "panels"): void {
    this.tab = tab;
  }

  /** The plot that takes new lines: the one that took some last, or the last one. 0 is none. */
  get #target(): number {
    const plots = this.panels.filter(({ spec }) => spec.kind === "plot").map(({ id }) => id);
    return plots.includes(this.#lastPlot) ? this.#lastPlot : (plots.at(-1) ?? 0);
  }

  /** Adds a panel, or lines to a plot. */
  #add(spec: Spec, target = this.#target): void {
    const plot = spec.kind === "plot" ? this.grid.frame(target)?.plot : null;
    if (plot && spec.kind === "plot") {
      plot.add(spec.lines);
      this.#lastPlot = target;
      this.#sayHidden("Added to the plot");
      return;
    }
    const panel = layouts.place(spec);
    if (spec.kind === "plot") this.#lastPlot = panel.id;
    this.#setPanels([...this.panels, panel]);
    this.#sayHidden("Added to the panels");
  }

  /** Adds what a row is shown as; a stream of records asks for a column. */
  #addRow({ row, source }: RowDrop, target: number): void {
    const all = offers(row);
    const [first] = all;
    if (!first) return;
    const asks = row.kind === "stream" && first.spec.kind === "plot" && all.length > 1;
    if (!asks) this.#add(first.spec, target);
    else openMenu(source, this.#offerItems(row, target));
  }

  #offerItems(row: Row, target: number): Item[] {
    return offers(row).map(({ label, spec }) => ({ label, run: () => this.#add(spec, target) }));
  }

  async #plotNumbers(path: string): Promise<void> {
    const lines = await this.#exchange.numbersIn(path);
    if (lines.length) this.#add(plotOf(lines.slice(0, maxLines)));
    else this.#say("There are no numbers in it");
  }

  #showInfo(): void {
    const shown = this.panels.find(({ spec }) => spec.kind === "info");
    if (shown) this.#setPanels(this.panels.filter((panel) => panel !== shown));
    else {
      this.#add({ kind: "info" });
      this.#showTab("panels");
    }
  }

  // Menus.

  #rowMenu(event: CustomEvent<RowMenu>): void {
    const { point, row, source } = event.detail;
    openMenu(source, row && !isContainer(row.kind) ? this.#valueItems(row) : this.#structItems(row), point);
  }

  #structItems(row: Row | null): Item[] {
    const path = row?.path ?? "";
    const items: Item[] = [
      { label: "Copy as YAML", run: () => this.#exchange.copyYaml(path) },
      { label: "Copy path", disabled: !row, run: () => this.#exchange.copy(path) },
      { label: "Download as YAML", run: () => this.#exchange.downloadYaml(path) },
    ];
    const writable = this.#connection.writable(path);
    items.push({ label: "Load from file…", disabled: !writable, run: () => this.#exchange.load(path) });
    if (row) items.push("line", { label: "Add numbers to a plot", run: () => this.#plotNumbers(path) });
    return items;
  }

  #valueItems(row: Row): Item[] {
    const items = this.#offerItems(row, this.#target);
    const plots = offers(row).filter(({ spec }) => spec.kind === "plot");
    if (this.#target && plots.length === 1)
      items.push({ label: "New plot", run: () => this.#add(plots[0]!.spec, 0) });
    if (items.length) items.push("line");
    const standard = row.meta?.default;
    if (editable(row) && standard != null)
      items.push({
        label: `Reset to ${standard}`,
        disabled: !resettable(row),
        run: () => this.#edits.reset(row),
      });
    if (row.kind === "str")
      items.push({
        label: editable(row) ? "Edit in a dialog…" : "Show in a dialog…",
        run: () => this.textDialog.open(row),
      });
    items.push(
      { label: "Copy value", run: () => this.#exchange.copyValue(row) },
      { label: "Copy path", run: () => this.#exchange.copy(row.path) },
    );
    return items;
  }

  #themeMenu(event: Event): void {
    const choices: Choice[] = ["auto", "light", "dark"];
    const label = { auto: "As the system", light: "Light", dark: "Dark" };
    openMenu(
      event.currentTarget as Element,
      choices.map((choice) => ({
        label: label[choice],
        keys: choice === theme.choice ? "✓" : "",
        run: () => theme.choose(choice),
      })),
    );
  }

  async #layoutMenu(event: Event): Promise<void> {
    const source = event.currentTarget as Element;
    const stored = await this.#readLayout();
    const writable = this.#connection.writable(layouts.field);
    openMenu(source, [
      { label: "Export as JSON", run: () => download("layout.json", layouts.formatLayout(this.#layout)) },
      { label: "Import JSON…", run: async () => this.#importLayout(await pickText(".json")) },
      "line",
      { label: "Save in the store", disabled: !writable, run: () => this.#storeLayout() },
      {
        label: "Load from the store",
        disabled: stored === null,
        run: () => this.#importLayout(stored ?? ""),
      },
      "line",
      { label: "Clear", run: () => this.#setLayout({ open: [], panels: [] }) },
    ]);
  }

  // Layouts in files and in the store.

  #importLayout(text: string): void {
    try {
      this.#setLayout(layouts.parseLayout(text));
    } catch (error) {
      this.#say(`The layout cannot be read: ${(error as Error).message}`);
    }
  }

  async #readLayout(): Promise<string | null> {
    const answer = await this.#connection.ask({ type: "read", path: layouts.field, as: "text" });
    return answer.type === "text" && answer.text ? answer.text : null;
  }

  async #offerLayout(): Promise<void> {
    const text = await this.#readLayout();
    if (text === null) return;
    this.#say("The store has a layout.", { label: "Load", run: () => this.#importLayout(text) });
  }

  async #storeLayout(): Promise<void> {
    const change = { path: layouts.field, value: layouts.formatLayout(this.#layout), create: "str" };
    const answer = await this.#connection.ask({ type: "set", changes: [change] });
    this.#say(answer.type === "refused" ? answer.error : "The store has the layout");
  }

  // The splitter.

  #setSplit(split: number): void {
    this.split = Math.min(100 - narrowest, Math.max(narrowest, split));
    storage.set("split", String(this.split));
  }

  #grabSplitter(event: PointerEvent): void {
    const splitter = event.currentTarget as HTMLElement;
    const { left, width } = this.getBoundingClientRect();
    splitter.setPointerCapture(event.pointerId);
    splitter.onpointermove = ({ clientX }) => this.#setSplit((100 * (clientX - left)) / width);
    splitter.onpointerup = () => {
      splitter.onpointermove = null;
    };
  }

  #pressSplitter(event: KeyboardEvent): void {
    const move = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (move) this.#setSplit(this.split + move);
  }
}
