// The host objects that composition uses, for an engine without them: the part of the
// WHATWG URL class that it needs for @link URLs, and a console that discards messages.
class MinimalURL {
  constructor(text) {
    const parts = /^([a-z][a-z0-9+.-]*:)\/\/([^/?#]*)([^?#]*)/i.exec(String(text));
    if (!parts) throw new TypeError(`Invalid URL: ${text}`);
    this.protocol = parts[1].toLowerCase();
    this.host = parts[2].toLowerCase();
    this.pathname = parts[3] || '/';
    this.origin = `${this.protocol}//${this.host}`;
  }
}

globalThis.URL ??= MinimalURL;
globalThis.console ??= { debug() {}, log() {}, warn() {}, error() {} };
