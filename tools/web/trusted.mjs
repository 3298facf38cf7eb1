//! Puts the Trusted Types policy `default` into the glue that wasm-bindgen writes. Leptos sets static fragments through
//! `innerHTML`; the policy lets a string become HTML only if its bytes lie in the data segments of the module, that is, if
//! it was compiled in. A string made at run time lies on the heap or the stack and is refused, whatever it says.
//! Rule: the glue holds no other sink of HTML or code, or the build fails.

const SINK = /(\w+)\.innerHTML = getStringFromWasm0\((\w+), (\w+)\);/g;
const OTHER_SINKS = /\.(innerHTML|outerHTML|srcdoc)\s*=|insertAdjacentHTML|document\.write|createContextualFragment|parseFromString|setHTMLUnsafe|\beval\(|new Function\(|Reflect\.construct\(Function/;

/** Returns the glue with the policy in it, for strings within `range` and scripts at the addresses `workers`. */
export function trustGlue(glue, range, workers) {
  if (!glue.includes('function getStringFromWasm0(')) throw new Error('the glue is not what wasm-bindgen 0.2.130 writes');
  const patched = glue.replace(SINK, (_, element, start, length) => `${element}.innerHTML = staticHtml(${start}, ${length});`);
  const left = OTHER_SINKS.exec(patched.replaceAll(/\.innerHTML = staticHtml\(/g, ''));
  if (left) throw new Error(`the app reaches a sink that Trusted Types would have to trust: ${left[0]}`);
  return `${policy(range, workers)}\n${patched}`;
}

function policy({ start, end }, workers) {
  return `const STATIC = Symbol();
const WORKERS = ${JSON.stringify(workers)};
const rules = {
    createHTML: (html, proof) => proof === STATIC ? html : null,
    createScriptURL: (address) => {
        const url = new URL(address, location.href);
        return url.origin === location.origin && WORKERS.includes(url.pathname) && !url.search ? address : null;
    },
};
const trusted = globalThis.trustedTypes?.createPolicy('default', rules);
function staticHtml(start, length) {
    const from = start >>> 0, html = getStringFromWasm0(start, length);
    if (from < ${start} || from + (length >>> 0) > ${end}) throw new TypeError('refused to set HTML that was not compiled in');
    return trusted ? trusted.createHTML(html, STATIC) : html;
}`;
}
