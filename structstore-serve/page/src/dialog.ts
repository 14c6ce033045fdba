// What the dialogs look like.
import { css } from "lit";

export const dialogStyles = css`
  dialog {
    width: min(560px, calc(100vw - 24px));
    max-height: min(640px, calc(100vh - 24px));
    padding: 0;
    border: 1px solid var(--edge);
    border-radius: 9px;
    background: var(--raised);
    color: var(--text);
    box-shadow: 0 12px 48px var(--shadow);
  }
  dialog::backdrop {
    background: rgb(0 0 0 / 0.3);
  }
  header,
  footer {
    display: flex;
    align-items: center;
    justify-content: flex-end;
    gap: 8px;
    padding: 10px 14px;
  }
  header h2 {
    flex: 1;
    min-width: 0;
    margin: 0;
    overflow-wrap: anywhere;
    font-size: 14px;
    font-weight: 600;
  }
`;
