//! Moves the inline module script that Trunk writes out of the page, so that the content security policy needs neither
//! `'unsafe-inline'` nor a nonce. Owns the page's only script element, nothing else.

/** Splits a page into its HTML, where `BOOT_ADDRESS` stands for the script's address, and the script. */
export function extractBoot(html) {
  const scripts = [...html.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)];
  const inline = scripts.filter(([, attributes]) => !/\bsrc=/.test(attributes));
  if (inline.length !== 1 || !/type="module"/.test(inline[0][1])) {
    throw new Error(`expected exactly one inline module script in index.html, found ${inline.length} inline scripts`);
  }
  if (/\son[a-z]+=|<style\b|\sstyle=|javascript:/i.test(html.replace(inline[0][0], ''))) {
    throw new Error('index.html has an inline style or event attribute, which the content security policy refuses');
  }
  const boot = inline[0][2].split('\n').map((line) => line.trim()).filter(Boolean).join('\n') + '\n';
  return { html: html.replace(inline[0][0], '<script type="module" src="BOOT_ADDRESS"></script>'), boot };
}
