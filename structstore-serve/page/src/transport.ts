// A transport carries messages between page and viewer.

export type TransportState = "connecting" | "open" | "stopped" | "forbidden";

export interface Transport {
  onText: (text: string) => void;
  onBinary: (message: DataView) => void;
  onState: (state: TransportState) => void;
  send(text: string): void;
  close(): void;
}
