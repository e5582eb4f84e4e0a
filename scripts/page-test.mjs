// The checks of scripts/page-test, which installs the packages and names them in MODULES.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

const require = createRequire(join(process.env.MODULES, "index.js"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const ROUTES = ["#/", "#/rebalances", "#/workers", "#/items", "#/items?slot=0", "#/autoscaler", "#/health"];
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 360, height: 740 };
const UNKNOWN_ITEM = "00000000-0000-4000-8000-000000000000";
const KILL_TIMEOUT = 30_000;
// Answers that a check asks for; the browser logs them as errors.
const EXPECTED_STATUS = { search: /404/, token: /401|403/, "store away": /401/ };
const BROWSER_ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const OPTIONS = { shots: { type: "string" }, token: { type: "string" } };

const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
const server = new URL(positionals[0]);
const failures = [];
let checks = 0;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: BROWSER_ARGUMENTS });
await (values.token ? checkEntry() : checkDemo());
await browser.close();

for (const failure of failures) console.error(failure);
if (failures.length === 0) console.log(`the live page passes ${checks} checks`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function checkDemo() {
  await check("policy", refusesInlineScripts);
  await check("update", updates);
  await check("pause and resume", pausesAndResumes);
  await check("search", showsUnknownItem);
  await check("lost connection", keepsOldView);
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [WIDE, NARROW]) await checkViews(colorScheme, viewport);
  }
  await check("dialog", dialogIsAccessible);
  await check("kill", killsWorker);
}

async function checkEntry() {
  await check("token", asksForToken);
  await check("store away", showsStoreAway);
}

// Runs `body` with a fresh page. Whatever it throws, and whatever the page logs as an error, is a failure.
async function check(name, body, options = {}) {
  checks += 1;
  const context = await browser.newContext({ viewport: WIDE, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const fail = reason => failures.push(`${name}: ${String(reason).split("\n")[0]}`);
  const isExpected = text => name === "lost connection" || EXPECTED_STATUS[name]?.test(text);
  page.on("console", message => message.type() === "error" && !isExpected(message.text()) && fail(message.text()));
  page.on("pageerror", fail);
  page.on("request", request => isOutside(request.url()) && fail(`request to ${request.url()}`));
  await body(page).catch(fail);
  await context.close();
}

function isOutside(url) {
  return !url.startsWith("data:") && new URL(url).host !== server.host;
}

async function open(page, route = "#/") {
  const response = await page.goto(new URL(route, server).href);
  await page.locator("#connection.live").waitFor();
  return response;
}

function expect(condition, reason) {
  if (!condition) throw new Error(reason);
}

async function refusesInlineScripts(page) {
  const policy = (await open(page)).headers()["content-security-policy"] ?? "";
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]) {
    expect(policy.includes(part), `the content security policy lacks ${part}`);
  }
  expect(!policy.includes("unsafe"), "the content security policy allows something unsafe");
}

async function updates(page) {
  await open(page);
  const second = () => page.evaluate(() => [...document.querySelectorAll(".second")].findIndex(each => each.matches(".now")));
  const before = await second();
  await page.waitForTimeout(2500);
  expect((await second()) !== before, "the tick does not advance");
}

async function pausesAndResumes(page) {
  await open(page);
  await page.getByRole("button", { name: "Pause rebalancing" }).click();
  await page.getByLabel("Note").fill("page test");
  await confirm(page);
  await page.locator(".notice.paused").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await confirm(page);
  await page.locator(".notice.paused").waitFor({ state: "detached" });
}

async function confirm(page) {
  await page.locator("dialog button").first().click();
  await page.locator("dialog").waitFor({ state: "detached" });
}

async function showsUnknownItem(page) {
  await open(page, "#/items");
  await page.getByLabel("Id, number or name").fill(UNKNOWN_ITEM);
  await page.keyboard.press("Enter");
  await page.locator("main .failure:not([hidden])").waitFor();
}

// Breaks the stream from the inside: Chromium's offline mode leaves an open stream alone.
async function keepsOldView(page) {
  await page.addInitScript(() => {
    window.EventSource = class extends EventSource {
      constructor(url) {
        super(url);
        window.breakStream = () => {
          this.close();
          this.dispatchEvent(new Event("error"));
        };
      }
    };
  });
  await open(page);
  const stream = "**/api/v1/stream";
  await page.route(stream, route => route.fulfill({ status: 502 }));
  await page.evaluate(() => breakStream());
  await page.locator("#connection.lost").waitFor();
  expect(await page.locator(".card").count(), "the old view is gone");
  await page.unroute(stream);
  await page.locator("#connection.live").waitFor();
}

async function dialogIsAccessible(page) {
  await open(page);
  await page
    .getByRole("button", { name: /^Kill / })
    .first()
    .click();
  await passesAxe(page);
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  expect(await page.evaluate(() => document.activeElement.matches("button")), "the dialog does not give the focus back");
}

async function killsWorker(page) {
  await open(page);
  const card = page
    .locator(".card")
    .filter({ has: page.locator(".phase.healthy") })
    .first();
  const name = await card.locator("h3").innerText();
  await card.getByRole("button", { name: `Kill ${name}`, exact: true }).click();
  await confirm(page);
  const healthy = card => card.querySelector(".phase").textContent === "healthy" && card.querySelector("h3").textContent;
  const isGone = new Function("name", `return ![...document.querySelectorAll(".card")].map(${healthy}).includes(name)`);
  await page.waitForFunction(isGone, name, { timeout: KILL_TIMEOUT });
}

async function asksForToken(page) {
  await page.goto(server.href);
  await passesAxe(page);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("token needed").waitFor();
  await page.getByRole("button", { name: "Enter the token" }).click();
  await enterToken(page, "another");
  await page.locator("dialog .failure:not([hidden])").waitFor();
  await enterToken(page, values.token);
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.locator(".notice.trouble").first().waitFor();
  expect((await page.getByText("Enter the token").count()) === 0, "the page still asks for the token");
}

async function showsStoreAway(page) {
  await page.goto(server.href);
  await enterToken(page, values.token);
  await page.locator(".notice.trouble").getByText("Postgres").waitFor();
  await saveShot(page, "#/store-away", "light");
}

async function enterToken(page, token) {
  await page.getByLabel("API token").fill(token);
  await page.keyboard.press("Enter");
}

async function checkViews(colorScheme, viewport) {
  for (const route of [...ROUTES, await workerRoute()]) {
    const name = `${route} ${colorScheme} ${viewport.width} px`;
    await check(name, page => viewPasses(page, route, `${colorScheme}-${viewport.width}`), { colorScheme, viewport });
  }
}

async function workerRoute() {
  const { workers } = await (await fetch(new URL("api/v1/view", server))).json();
  return `#/workers/${encodeURIComponent(workers.shown.at(-1).name)}`;
}

async function viewPasses(page, route, suffix) {
  await open(page, route);
  await page.waitForTimeout(1000);
  await saveShot(page, route, suffix);
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(excess <= 0, `the view is ${excess} px too wide`);
  await passesAxe(page);
}

// Chromium evaluates the source itself, so the policy of the page need not allow it.
async function passesAxe(page) {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () =>
    (await axe.run()).violations.map(({ id, nodes }) => `${id} at ${nodes[0].target}`),
  );
  expect(violations.length === 0, `axe-core: ${violations.join("; ")}`);
}

async function saveShot(page, route, suffix) {
  if (!values.shots) return;
  mkdirSync(values.shots, { recursive: true });
  const name = route.replace(/[^a-z]+/g, "-").replace(/^-|-$/g, "") || "overview";
  await page.screenshot({ path: join(values.shots, `${name}-${suffix}.png`), fullPage: true });
}
