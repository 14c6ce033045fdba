// How the viewer of a store looks.
import { css } from "lit";

export const appStyles = css`
  :host {
    position: relative;
    display: flex;
    flex-direction: column;
    height: 100%;
    overflow: hidden;
    container-type: inline-size;
  }
  .toolbar {
    flex: none;
    display: flex;
    align-items: center;
    gap: 2px;
    height: 40px;
    padding: 0 8px;
    border-bottom: 1px solid var(--line);
  }
  .toolbar .back {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    width: 26px;
    height: 26px;
    border-radius: 5px;
    color: var(--soft);
  }
  .toolbar .back:hover {
    background: var(--hover);
  }
  .toolbar button {
    flex: none;
  }
  .toolbar h1 {
    flex: none;
    margin: 0 14px 0 6px;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    font-size: 14px;
    font-weight: 600;
  }
  .search {
    position: relative;
    flex: 0 1 320px;
    min-width: 60px;
    margin-right: auto;
  }
  .search svg {
    position: absolute;
    top: 6px;
    left: 7px;
    width: 14px;
    color: var(--faint);
    pointer-events: none;
  }
  .search input {
    width: 100%;
    height: 28px;
    padding: 0 8px 0 27px;
  }
  .search input::-webkit-search-cancel-button {
    cursor: pointer;
  }
  .toolbar i {
    width: 1px;
    height: 18px;
    margin: 0 5px;
    background: var(--line);
  }
  .tabs {
    flex: none;
    display: none;
    border-bottom: 1px solid var(--line);
  }
  .tabs button {
    flex: 1;
    height: 32px;
    border: 0;
    border-radius: 0;
    background: none;
    color: var(--soft);
  }
  .tabs button[aria-selected="true"] {
    background: none;
    color: var(--text);
    box-shadow: inset 0 -2px var(--accent);
  }
  .main {
    position: relative;
    flex: 1;
    min-height: 0;
    display: flex;
    transition: opacity 0.2s;
  }
  .main.stale {
    opacity: 0.5;
    filter: grayscale(1);
  }
  structstore-tree {
    flex: none;
    width: var(--split);
    min-width: 0;
  }
  structstore-panels {
    flex: 1;
  }
  .splitter {
    flex: none;
    width: 7px;
    margin: 0 -3px;
    z-index: 3;
    cursor: col-resize;
    touch-action: none;
    background: linear-gradient(to right, transparent 3px, var(--line) 3px, var(--line) 4px, transparent 4px);
  }
  .splitter:hover {
    background: linear-gradient(to right, transparent 2px, var(--accent) 2px, var(--accent) 5px, transparent 5px);
  }
  .toasts {
    position: absolute;
    right: 12px;
    bottom: 34px;
    z-index: 6;
    display: grid;
    justify-items: end;
    gap: 6px;
    max-width: calc(100% - 24px);
  }
  .toasts .problem {
    position: static;
    max-width: 100%;
  }
  .toast {
    display: flex;
    align-items: center;
    gap: 8px;
    padding: 5px 8px 5px 12px;
    border: 1px solid var(--edge);
    border-radius: 6px;
    background: var(--raised);
    box-shadow: 0 3px 12px var(--shadow);
  }
  .where {
    padding: 2px 8px;
    border-radius: 4px;
    background: var(--raised);
    font-size: 12px;
    font-weight: 600;
  }
  @container (max-width: 700px) {
    .tabs {
      display: flex;
    }
    .splitter {
      display: none;
    }
    structstore-tree {
      width: 100%;
    }
    .main.tree structstore-panels,
    .main.panels structstore-tree {
      display: none;
    }
    .toolbar i,
    .status .rest {
      display: none;
    }
    .toolbar h1 {
      margin-right: 6px;
      max-width: 32cqw;
    }
  }
  :host([embedded]) {
    box-sizing: border-box;
    height: 420px;
    min-height: 200px;
    resize: vertical;
    border: 1px solid var(--line);
    border-radius: 6px;
  }
  :host([embedded]) .tabs,
  :host([embedded]) .splitter {
    display: none;
  }
  :host([embedded]) .main {
    display: block;
    overflow: auto;
  }
  :host([embedded]) structstore-tree {
    display: flex;
    width: 100%;
    height: 100%;
  }
  :host([embedded]) .main.filled structstore-tree {
    height: max(220px, 60%);
    border-bottom: 1px solid var(--line);
  }
  :host([embedded]) structstore-panels {
    display: block;
    height: auto;
  }
  :host([embedded]) .main:not(.filled) structstore-panels {
    display: none;
  }
`;
