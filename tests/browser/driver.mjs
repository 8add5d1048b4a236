// Drives Chromium for the tests in this folder. It decides nothing: it does what a line says and answers with what it saw.
//
//   stdin   {"id":1,"tab":"a","do":"click","with":{"selector":"button"}}       one a line; the browser closes when stdin ends
//   stdout  {"id":1,"value":…}  or  {"id":1,"error":"…"}
//
// The browser is the one at CHROMIUM, with a profile of its own that is gone afterwards.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATIENCE = 15_000;
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-domain-reliability", "--disable-dev-shm-usage",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tabs = new Map();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, timeout: 60_000 });

const actions = {
  // ---- The person ------------------------------------------------------------------------------------------------------
  open: ({ page }, { url }) => page.goto(url, { waitUntil: "load" }),
  click: ({ page }, { selector }) => page.locator(selector).click(),
  fill: ({ page }, { selector, text }) => page.locator(selector).fill(text),
  check: ({ page }, { selector }) => page.locator(selector).check(),
  press: ({ page }, { key }) => page.keyboard.press(key),
  type: ({ page }, { text }) => page.keyboard.type(text),
  reload: ({ page }) => moved(page.reload({ waitUntil: "load" })),
  back: ({ page }) => moved(page.goBack({ waitUntil: "load" })),
  resize: ({ page }, { width, height }) => page.setViewportSize({ width, height }),
  emulate: ({ page }, media) => page.emulateMedia(media),
  show: ({ page }, { html }) => page.setContent(html, { waitUntil: "load" }),
  post: ({ page }, { url, fields }) => post(page, url, fields),
  // ---- What there is to see --------------------------------------------------------------------------------------------
  wait: async ({ page }, { selector }) => {
    await page.locator(selector).first().waitFor({ state: "attached" });
    await page.waitForLoadState("load");
  },
  look: ({ page }) => page.evaluate(look),
  focus: ({ page }) => page.evaluate(focus),
  value: ({ page }, { selector }) => page.locator(selector).inputValue(),
  attribute: ({ page }, { selector, name }) => page.locator(selector).getAttribute(name),
  count: ({ page }, { selector }) => page.locator(selector).count(),
  overflow: ({ page }) => page.evaluate(overflow),
  axe: ({ page }, { only }) => axe(page, only ? { type: "rule", values: only } : { type: "tag", values: WCAG }),
  picture: ({ page }, options) => picture(page, options),
  // ---- What happened ---------------------------------------------------------------------------------------------------
  requests: async (tab) => (await Promise.all(tab.requests)),
  troubles: async (tab) => tab.troubles,
  close: async (tab) => { await tab.context.close(); tabs.delete(tab.name); },
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => { void answer(JSON.parse(line)); });
lines.on("close", async () => { await browser.close(); process.exit(0); });

async function answer({ id, tab: name, do: action, with: options }) {
  let result;
  try {
    const value = action === "tab" ? await tab(name, options) : await actions[action](tabs.get(name), options ?? {});
    result = { id, value: ["string", "number", "object"].includes(typeof value) && !value?._guid ? plain(value) : null };
  } catch (error) {
    result = { id, error: `${action}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

// Playwright's own objects (a response of `goto`) are no answer.
function plain(value) { return value === null || value.constructor === Object || Array.isArray(value) || typeof value !== "object" ? value : null; }

// A context of its own: no cookie or cache is shared. Certificates are those of a sandbox whose authority is made anew each time.
async function tab(name, options) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, serviceWorkers: "block", ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const state = { name, context, page, requests: [], troubles: [] };
  context.on("request", (request) => state.requests.push(seen(request)));
  context.on("requestfailed", (request) => state.troubles.push(`failed: ${request.method()} ${bare(request.url())}: ${request.failure()?.errorText}`));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) state.troubles.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => state.troubles.push(`page error: ${error.error().message}`));
  context.on("page", () => state.troubles.push("a second window opened"));
  page.on("dialog", (dialog) => { state.troubles.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  tabs.set(name, state);
}

async function seen(request) {
  const headers = await request.allHeaders().catch(() => request.headers());
  return { method: request.method(), url: request.url(), origin: headers.origin ?? null, referer: headers.referer ?? null };
}

function bare(url) { return url.split(/[?#]/)[0]; }

// A page that is gone (its listener has closed) is a fact to report, not a failure.
async function moved(movement) {
  try { return (await movement)?.status() ?? 0; } catch { return 0; }
}

// A form of a page that has nothing to do with the sign-in.
async function post(page, url, fields) {
  await page.goto("about:blank");
  await Promise.all([
    page.waitForURL((now) => now.href !== "about:blank", { waitUntil: "load" }),
    page.evaluate(([action, entries]) => {
      const form = Object.assign(document.createElement("form"), { method: "post", action });
      for (const [name, value] of entries) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
      document.body.append(form);
      form.submit();
    }, [url, fields]),
  ]);
}

function look() {
  const handlers = [...document.querySelectorAll("*")].flatMap((element) => element.getAttributeNames().filter((name) => name.startsWith("on")));
  return {
    url: location.href,
    page: document.body.dataset.page ?? "",
    title: document.title,
    heading: document.querySelector("h1")?.innerText ?? "",
    text: document.body.innerText,
    html: document.documentElement.outerHTML,
    lang: document.documentElement.lang,
    scripts: document.scripts.length + handlers.length,
    owned: "owned" in window,
  };
}

// The element that has the keyboard, what a person would call it, and whether they see that it has it.
function focus() {
  const element = document.activeElement;
  if (!element || element === document.body) return { label: "", visible: false };
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const inside = box.width > 0 && box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText ?? element.innerText ?? "";
  return { label: label.trim(), tag: element.localName, visible: inside && outlined && element.matches(":focus-visible") };
}

// What does not fit: sideways out of the page, or cut off within its own box. Regions that may scroll say so with tabindex;
// on paper nothing scrolls.
function overflow() {
  const paper = matchMedia("print").matches;
  const root = document.documentElement;
  const found = root.scrollWidth > root.clientWidth ? [`the page is ${root.scrollWidth} wide in ${root.clientWidth}`] : [];
  for (const element of document.querySelectorAll("body *")) {
    const inRegion = !paper && element.closest("[tabindex='0']");
    const box = element.getBoundingClientRect();
    if (!inRegion && box.right > root.clientWidth + 1) found.push(`${element.localName} ends at ${Math.round(box.right)}`);
    if (!inRegion && element.localName !== "input" && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0) found.push(`${element.localName} is cut at its side`);
    if (paper && element.localName === "textarea" && element.scrollHeight > element.clientHeight + 1) found.push("textarea is cut on paper");
  }
  return found;
}

// Evaluated through the developer tools, so that the page's own policy stays in force.
async function axe(page, runOnly) {
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axeSource);
  return page.evaluate(async (runOnly) => {
    const result = await window.axe.run(document, { runOnly });
    const told = (rules) => rules.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target.join(" ")).join(", ")}`);
    return { violations: told(result.violations), unsure: told(result.incomplete), passed: result.passes.length };
  }, runOnly);
}

async function picture(page, { selector, margin, path }) {
  const box = selector ? await page.locator(selector).boundingBox() : null;
  const size = page.viewportSize();
  const clip = box && { x: 0, y: 0, width: size.width, height: Math.min(size.height, Math.ceil(box.y + box.height + margin)) };
  const png = await page.screenshot({ ...(path && { path }), ...(clip && { clip }), animations: "disabled" });
  return { bytes: png.length, width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}
