// Texts that try to become more than texts (M9): markup, addresses that run, broken and endless marks, characters that turn
// the line around. Owns the list; more than three hundred, each of which names itself so that it can be told apart on screen.

/** What a script calls that ran, and where a request goes that was made. */
export const flag = 'hostileRan';
export const host = 'hostile.example';

const run = `window.${flag}=1`;
const url = `https://${host}`;

const markup = [
  `<script>${run}</script>`,
  `<img src=x onerror="${run}">`,
  `<img src="${url}/pixel.png">`,
  `<svg onload="${run}"></svg>`,
  `<svg><script>${run}</script></svg>`,
  `<iframe src="javascript:${run}"></iframe>`,
  `<iframe srcdoc="<script>parent.${flag}=1</script>"></iframe>`,
  `<object data="${url}/x"></object>`,
  `<embed src="${url}/x">`,
  `<link rel="stylesheet" href="${url}/x.css">`,
  `<style>@import "${url}/x.css"; * { background: url(${url}/x) }</style>`,
  `<base href="${url}/">`,
  `<meta http-equiv="refresh" content="0;url=${url}">`,
  `<form action="${url}"><button autofocus onfocus="${run}">x</button></form>`,
  `<input autofocus onfocus="${run}">`,
  `<details open ontoggle="${run}">x</details>`,
  `<video src="${url}/x" onerror="${run}"></video>`,
  `<a href="javascript:${run}">x</a>`,
  `<math><mtext><img src=x onerror="${run}"></mtext></math>`,
  `<template><img src=x onerror="${run}"></template>`,
  `--><img src=x onerror="${run}"><!--`,
  `]]><img src=x onerror="${run}">`,
  `"><img src=x onerror="${run}">`,
  `'><img src=x onerror="${run}">`,
  `</span></li></ol><h1>broken out</h1>`,
  `<b><i><u><a href=`,
  `&lt;img src=x onerror=${run}&gt;`,
  `&#x3c;script&#x3e;${run}&#x3c;/script&#x3e;`,
  `\u003cscript\u003e${run}\u003c/script\u003e`,
  `{{constructor.constructor('${run}')()}}`,
  `\${${run}}`,
];

const addresses = [
  `javascript:${run}`,
  `JaVaScRiPt:${run}`,
  `java\tscript:${run}`,
  `\u0001javascript:${run}`,
  ` javascript:${run}`,
  `&#106;avascript:${run}`,
  `data:text/html,<script>${run}</script>`,
  `vbscript:msgbox(1)`,
  `file:///etc/passwd`,
  `blob:${url}/x`,
  `//${host}/x`,
  `\\\\${host}\\x`,
  `ftp://${host}/`,
  `https://bank.example@${host}/`,
  `https://name:word@${host}/`,
  `https:\\\\${host}`,
  `https://${host}/\u202Egnp.exe`,
  `https://h\u200Bostile.example/`,
  `https://${host}/" onmouseover="${run}`,
  `https://${host}/' onmouseover='${run}`,
  `https://${host}/><img src=x onerror=${run}>`,
];

const frames: ((words: string) => string)[] = [
  (words) => words,
  (words) => `**${words}**`,
  (words) => `||${words}||`,
  (words) => `> ${words}`,
  (words) => `- ${words}`,
  (words) => `\`${words}\``,
];

const ways: ((address: string) => string)[] = [
  (address) => address,
  (address) => `[a prize](${address})`,
  (address) => `![a picture](${address})`,
  (address) => `<${address}>`,
];

const controls = ['\u202E', '\u202D', '\u2066', '\u2067', '\u200F', '\u200B', '\u200D', '\uFEFF', '\u00AD', '\u0007', '\u001B[2J'];

const fullLength = 16_000;
// No emoji: where no font has one, the browser alone takes seconds to look for it.
const endless = ['*', '**', '_', '`', '``', '[', '](', '[](', '~~', '||', '*a', '*a* ', '**a_', '>', '- ', '\\*', '[a](https://a', '\u202E', 'e\u0301', '\u0634'];

export function hostile(): string[] {
  const texts = [
    ...markup.flatMap((words) => frames.map((frame) => frame(words))),
    ...addresses.flatMap((address) => ways.map((way) => way(address))),
    ...controls.map((sign) => `${sign}turned **around** ${sign}[here](https://${host}/${sign}) `),
    ...controls.map((sign) => `${sign.repeat(500)}x`),
    ...endless.map((piece) => piece.repeat(Math.floor(fullLength / Buffer.byteLength(piece)))),
    ...[10, 100, 1000].flatMap((depth) => [
      `${'> '.repeat(depth)}deep`,
      `${'**_~~||'.repeat(depth)}deep${'||~~_**'.repeat(depth)}`,
      `${'['.repeat(depth)}deep${`](https://${host})`.repeat(Math.min(depth, 100))}`,
      `${'  '.repeat(depth)}- deep`,
    ]),
  ];
  return texts.map((text, at) => `${text} n${at}.`);
}
