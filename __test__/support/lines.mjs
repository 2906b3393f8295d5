// Splits a byte stream at line feeds only. `node:readline` also splits at U+2028 and U+2029, which
// JSON text may hold unescaped.

import { StringDecoder } from 'node:string_decoder';

export function eachLine(stream, onLine) {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  stream.on('data', (chunk) => {
    const lines = (pending + decoder.write(chunk)).split('\n');
    pending = lines.pop();
    for (const line of lines) onLine(line);
  });
}
