// Bundles the console's page into ../static: the page, scripts, the layout worker and
// styles, each compressed with Brotli, and the licenses of the packages in them.
import { build } from 'esbuild';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, '..', 'static');
const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  outdir: out,
  target: ['es2022', 'chrome123', 'firefox121', 'safari17.5'],
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': '"production"', 'globalThis.process': 'undefined' },
  metafile: true,
};
const page = await build({
  ...common,
  entryPoints: { console: 'src/main.tsx' },
  format: 'esm',
  splitting: true,
  chunkNames: 'chunk-[hash]',
});
const worker = await build({
  ...common,
  entryPoints: { 'layout.worker': 'src/graph/layout.worker.ts' },
  format: 'iife',
});

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
let total = 0;
function write(name, contents) {
  const compressed = brotliCompressSync(contents, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22, [constants.BROTLI_PARAM_SIZE_HINT]: contents.length },
  });
  total += compressed.length;
  writeFileSync(path.join(out, `${name}.br`), compressed);
}
for (const file of [...page.outputFiles, ...worker.outputFiles]) write(path.basename(file.path), file.contents);
write('index.html', readFileSync(path.join(here, 'src/index.html')));

const packages = new Set();
for (const file of [page, worker].flatMap((result) => Object.keys(result.metafile.inputs))) {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file);
  if (found) packages.add(found[1]);
}

function license(dir) {
  const { name, version, license } = JSON.parse(readFileSync(path.join(here, dir, 'package.json'), 'utf8'));
  const file = readdirSync(path.join(here, dir)).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = file ? readFileSync(path.join(here, dir, file), 'utf8') : 'The package has no license text; it names its license as above.';
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}

const licenses = [...packages].sort().map(license).join(`\n${'-'.repeat(72)}\n\n`);
writeFileSync(path.join(out, 'LICENSES'), `The console contains the following packages.\n\n${licenses}`);
console.log(`${packages.size} packages, ${(total / 1000).toFixed(1)} kB`);
