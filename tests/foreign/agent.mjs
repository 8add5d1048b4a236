// A person with a browser, as far as the provider's pages need one: cookies by path, redirects, forms. No scripts.

const STEPS = 30;

// What stands in the fields that a person fills in.
const typed = (wish) => ({ login: wish.user, password: 'any', user_code: wish.userCode });

export class Agent {
  #cookies = new Map();

  // Opens `wish.url` and goes on until the app has its answer or nothing more can be done. `wish.cancelOn` names the page on
  // which the person gives up; with `wish.deliver` false the answer is only noted.
  async browse(wish) {
    const home = new URL(wish.url).origin;
    const visit = { pages: [], method: null, redirect: null, answer: {}, status: 0 };
    let step = { url: new URL(wish.url) };
    for (let count = 0; count < STEPS; count += 1) {
      if (step.url.origin !== home) return this.#leave(step, wish, home, visit);
      const response = await this.#request(step, home);
      visit.status = response.status;
      step = response.headers.has('location')
        ? { url: new URL(response.headers.get('location'), step.url) }
        : act(await response.text(), step.url, wish, visit);
      if (!step) return visit;
    }
    throw new Error('the pages do not end');
  }

  async #leave(step, wish, home, visit) {
    const fields = step.form ?? step.url.searchParams;
    Object.assign(visit, { method: step.form ? 'POST' : 'GET', redirect: step.url.href, answer: Object.fromEntries(fields) });
    if (wish.deliver !== false) {
      // A form that another site posts carries that site's origin. Redirects are followed, as the app may have a page to show.
      const headers = step.form ? { origin: home } : {};
      const response = await fetch(step.url, { method: visit.method, body: step.form, headers });
      visit.status = response.status;
      await response.text();
    }
    return visit;
  }

  async #request({ url, form }, home) {
    const headers = { cookie: this.#cookiesFor(url.pathname), ...(form && { origin: home }) };
    const response = await fetch(url, { method: form ? 'POST' : 'GET', body: form, headers, redirect: 'manual' });
    response.headers.getSetCookie().forEach((line) => this.#keep(line));
    return response;
  }

  #cookiesFor(path) {
    return [...this.#cookies.values()].filter((cookie) => path.startsWith(cookie.path)).map((cookie) => cookie.pair).join('; ');
  }

  #keep(line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/';
    const key = `${pair.split('=', 1)[0]} ${path}`;
    if (pair.endsWith('=')) this.#cookies.delete(key);
    else this.#cookies.set(key, { path, pair });
  }
}

// What the person does on a page: submits its form, follows its way out, or is done.
function act(html, url, wish, visit) {
  const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(html);
  if (!form) {
    visit.pages.push('end');
    return null;
  }
  const inputs = [...form[2].matchAll(/<input\b([^>]*)>/gi)].map((input) => attributesOf(input[1]));
  const page = nameOf(inputs);
  // Whoever gave up does not begin again.
  const done = visit.pages.includes(wish.cancelOn) && page !== 'answer';
  visit.pages.push(page);
  if (done) return null;
  const target = new URL(attributesOf(form[1]).action, url);
  const fields = new URLSearchParams(inputs.filter((input) => input.name).map((input) => [input.name, input.value ?? '']));
  if (wish.cancelOn === page) return cancel(html, target, fields, url);
  for (const [name, value] of Object.entries(typed(wish))) if (fields.has(name)) fields.set(name, value ?? '');
  return { url: target, form: fields };
}

function cancel(html, target, fields, url) {
  const link = /<a href="([^"]*\/abort)"/i.exec(html);
  if (link) return { url: new URL(unescaped(link[1]), url) };
  fields.delete('confirm');
  fields.set('abort', 'yes');
  return { url: target, form: fields };
}

function nameOf(inputs) {
  const names = inputs.map((input) => input.name);
  if (names.includes('login')) return 'login';
  if (names.includes('prompt')) return 'consent';
  if (names.includes('confirm')) return 'device-confirm';
  if (names.includes('user_code')) return 'device-code';
  return 'answer';
}

function attributesOf(text) {
  const pairs = [...text.matchAll(/([\w-]+)\s*=\s*"([^"]*)"/g)].map(([, name, value]) => [name.toLowerCase(), unescaped(value)]);
  return Object.fromEntries(pairs);
}

function unescaped(text) {
  const named = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name) return named[name] ?? whole;
    return String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal));
  });
}
