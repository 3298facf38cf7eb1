// Strict headers (W10): what the browser is told, and that it acts on it.
import { expect, test } from './harness/journey.ts';

test('pages carry strict headers', async ({ person, server }) => {
  const ada = await person('ada');
  const answer = await ada.page.goto('/');
  const headers = answer?.headers() ?? {};
  const policy = headers['content-security-policy'] ?? '';
  for (const directive of [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]) {
    expect(policy).toContain(directive);
  }
  expect(policy).not.toContain('unsafe-inline');
  expect(policy).not.toContain("'unsafe-eval'");
  expect(headers['cross-origin-opener-policy']).toBe('same-origin');
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['referrer-policy']).toBe('no-referrer');
  expect(headers['permissions-policy']).toContain('geolocation=()');
  const unknown = await ada.page.request.get(`${server.origin}/api/no-such-thing`);
  expect(unknown.status()).toBe(404);
  expect(unknown.headers()['content-security-policy']).toBeDefined();
  expect(unknown.headers()['x-content-type-options']).toBe('nosniff');
});

test('hostile inline script and innerHTML are blocked', async ({ person, complaints }) => {
  const ada = await person('ada');
  await expect(ada.heading('Create your account')).toBeVisible();
  const blocked = await ada.page.evaluate(async () => {
    // What the test runner evaluates may evaluate in turn; what a timer calls may not.
    await new Promise((resolve) => setTimeout(resolve));
    const violation = (directive: string, attempt: () => void): Promise<string> =>
      new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', (event) => {
          if (event.effectiveDirective === directive) resolve(event.disposition);
        });
        attempt();
      });
    const thrown = (attempt: () => void): string => {
      try {
        attempt();
        return 'nothing';
      } catch (error) {
        return (error as Error).name;
      }
    };
    const hostile = 'globalThis.hostile = true';
    const load = (tag: 'img' | 'link', address: string) => () => {
      const element = document.createElement(tag);
      if (element instanceof HTMLImageElement) element.src = address;
      else Object.assign(element, { rel: 'stylesheet', href: address });
      document.head.append(element);
    };
    return {
      innerHtml: thrown(() => (document.createElement('div').innerHTML = `<img src=x onerror="${hostile}">`)),
      scriptText: thrown(() => (document.createElement('script').text = hostile)),
      scriptAddress: thrown(() => (document.createElement('script').src = 'https://elsewhere.example/hostile.js')),
      handler: thrown(() => document.createElement('img').setAttribute('onerror', hostile)),
      write: thrown(() => document.write(`<script>${hostile}</script>`)),
      evaluated: thrown(() => new Function(hostile)()),
      fetched: await fetch('https://elsewhere.example/').then(
        () => 'an answer',
        (error: Error) => error.name,
      ),
      picture: await violation('img-src', load('img', 'https://elsewhere.example/pixel.png')),
      style: await violation('style-src-elem', load('link', 'https://elsewhere.example/style.css')),
      ran: 'hostile' in globalThis,
    };
  });
  // The browser reports each attempt on the console, which is what was wanted.
  complaints.length = 0;
  expect(blocked).toEqual({
    innerHtml: 'TypeError',
    scriptText: 'TypeError',
    scriptAddress: 'TypeError',
    handler: 'TypeError',
    write: 'TypeError',
    evaluated: 'EvalError',
    fetched: 'TypeError',
    picture: 'enforce',
    style: 'enforce',
    ran: false,
  });
});

test('a script that stands in the page itself is blocked', async ({ person, complaints }) => {
  const ada = await person('ada');
  // The server's own page and headers with a hostile script in it, as a defect of the server could put it there.
  await ada.page.route('**/', async (route) => {
    const answer = await route.fetch();
    const page = await answer.text();
    await route.fulfill({ response: answer, body: page.replace('</head>', '<script>globalThis.hostile = true</script></head>') });
  });
  await ada.page.goto('/');
  await expect(ada.heading('Create your account')).toBeVisible();
  expect(await ada.page.evaluate(() => 'hostile' in globalThis)).toBe(false);
  expect(complaints.join()).toContain('inline script');
  complaints.length = 0;
});
