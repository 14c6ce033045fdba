// Binary messages: a length, a header in JSON, and data at a multiple of eight bytes.
import type { Picture, Series, Vector } from "./message.ts";

export function decode(message: DataView): Series | Picture | Vector {
  const length = message.getUint32(0, true);
  const start = message.byteOffset + 4;
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(message.buffer, start, length)));
  const data = new Uint8Array(message.buffer, start + length, message.byteLength - 4 - length);
  switch (header.type) {
    case "series": {
      const [times, values] = halves(data, header.count);
      return { ...header, times, values };
    }
    case "vector": {
      const [indices, values] = halves(data, header.count);
      return { ...header, indices, values };
    }
    case "picture":
      return { ...header, data };
    default:
      throw new Error(`unknown binary message: ${header.type}`);
  }
}

/** Two arrays of `count` numbers each, copied if they do not lie at a multiple of eight. */
function halves(data: Uint8Array, count: number): [Float64Array, Float64Array] {
  const bytes = 16 * count;
  if (data.byteLength < bytes) throw new Error(`${data.byteLength} bytes of data, expected ${bytes}`);
  const aligned = data.byteOffset % 8 === 0 ? data : data.slice(0, bytes);
  const numbers = new Float64Array(aligned.buffer, aligned.byteOffset, 2 * count);
  return [numbers.subarray(0, count), numbers.subarray(count)];
}
