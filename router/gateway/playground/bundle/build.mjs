// Bundles the playground into ../static: scripts, workers and styles, each
// compressed by brotli, and the licences of what went in.
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
  target: 'es2022',
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': '"production"' },
  metafile: true,
};

// GraphiQL's style sheet already has the editor's styles.
const withoutEditorStyles = {
  name: 'without-editor-styles',
  setup: (b) => b.onLoad({ filter: /monaco-editor\/.*\.css$/ }, () => ({ contents: '', loader: 'empty' })),
};

// The panels share code with the console; its packages are those of this bundle.
const consoleBundle = path.join(here, '../../../console/page/bundle');
const samePackages = {
  name: 'same-packages',
  setup: (b) => b.onResolve({ filter: /^(preact|graphql)(\/|$)/ }, ({ path: name, kind, resolveDir }) => (resolveDir.startsWith(consoleBundle) ? b.resolve(name, { kind, resolveDir: here }) : undefined)),
};

const page = await build({
  ...common,
  plugins: [withoutEditorStyles, samePackages],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  entryPoints: { playground: 'entry.js' },
  format: 'esm',
  splitting: true,
  chunkNames: 'chunk-[hash]',
  loader: { '.ttf': 'dataurl', '.woff2': 'dataurl' },
});
const workers = await build({
  ...common,
  entryPoints: {
    'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
    'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
    'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
  },
  format: 'iife',
});

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
let total = 0;
for (const file of [...page.outputFiles, ...workers.outputFiles]) {
  const compressed = brotliCompressSync(file.contents, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22, [constants.BROTLI_PARAM_SIZE_HINT]: file.contents.length },
  });
  total += compressed.length;
  writeFileSync(path.join(out, `${path.basename(file.path)}.br`), compressed);
}

const packages = new Set();
for (const file of [page, workers].flatMap((result) => Object.keys(result.metafile.inputs))) {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file);
  if (found) packages.add(found[1]);
}

function licence(dir) {
  const { name, version, license } = JSON.parse(readFileSync(path.join(here, dir, 'package.json'), 'utf8'));
  const file = readdirSync(path.join(here, dir)).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = file ? readFileSync(path.join(here, dir, file), 'utf8') : 'The package carries no text of its licence; it names it as above.';
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}

const licences = [...packages].sort().map(licence).join(`\n${'-'.repeat(72)}\n\n`);
writeFileSync(path.join(out, 'LICENSES'), `The playground contains the following packages.\n\n${licences}`);
console.log(`${packages.size} packages, ${Math.round(total / 1024)} KiB`);
