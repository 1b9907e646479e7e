// 128 random bits as text. Not crypto.randomUUID(): a page from http://192.168.0.9 has none.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
