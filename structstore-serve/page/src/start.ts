// Where the page begins: the viewer of one store, or the list of all.
import type { App } from "./app.ts";
import "./app.ts";
import { Socket } from "./socket.ts";
import "./store-list.ts";

export function startPage(): void {
  const address = new URL(location.href);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
  start(address.searchParams.get("store"));
}

/** Without the viewer there is nothing to show; the app then waits for it. */
async function start(chosen: string | null): Promise<void> {
  const about = await fetch("about").then(
    (response): Promise<{ store: string | null }> | null => (response.ok ? response.json() : null),
    () => null,
  );
  const all = about?.store === null;
  if (all && chosen === null) document.body.append(document.createElement("structstore-stores"));
  else showStore(all ? chosen : null, all);
}

function showStore(store: string | null, all: boolean): void {
  const app = document.createElement("structstore-app") as App;
  app.transport = new Socket(store);
  app.list = all ? "." : null;
  document.body.append(app);
}
