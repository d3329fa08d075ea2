// Called by tools/check_report: CHROMIUM PAGE PICTURES. Ends with status 1 and says what is wrong with the page.
'use strict';
const path = require('path');
const { pathToFileURL } = require('url');
const puppeteer = require('puppeteer-core');

const [chromium, page_path, pictures] = process.argv.slice(2);
const address = pathToFileURL(path.resolve(page_path)).href;
const problems = [];
// Points, their intervals and a line of reference need no legend.
const kMostWithoutLegend = 3;
const check = (holds, problem) => { if (!holds) problems.push(problem); };

// What a figure shows now: the tooltip's text and the drawn elements that are hidden.
const state = frame => frame.evaluate(() => {
  const tooltip = document.getElementById('hypertext');
  const elements = [...document.querySelectorAll('g[id^=gnuplot_plot_]')].filter(g => !g.id.endsWith('_keyentry'));
  return {
    tooltip: tooltip.getAttribute('visibility') === 'visible' ? tooltip.textContent : '',
    hidden: elements.filter(g => g.getAttribute('visibility') === 'hidden').map(g => g.id),
    number: elements.length,
  };
});

const middle = async handle => {
  const box = await handle.boundingBox();
  return [box.x + box.width / 2, box.y + box.height / 2];
};

// The first point with a tooltip that shows one when the mouse is on it.
async function hover(page, frame) {
  for (const point of await frame.$$('g[id^=gnuplot_plot_] use')) {
    const [x, y] = await middle(point);
    await page.mouse.move(x, y);
    await page.mouse.move(x + 0.5, y);
    const shown = (await state(frame)).tooltip;
    if (shown !== '') return shown;
  }
  return '';
}

async function check_figure(page, figure) {
  const name = await figure.evaluate(element => element.title);
  await figure.evaluate(element => element.scrollIntoView({ block: 'center' }));
  const frame = await figure.contentFrame();
  const tooltip = await hover(page, frame);
  check(/\d/.test(tooltip), `${name}: no tooltip`);
  const entries = await frame.$$('g[id$=_keyentry] > g > text');
  const { number } = await state(frame);
  check(entries.length > 0 || number <= kMostWithoutLegend, `${name}: no legend`);
  let switched = 0;
  for (const entry of entries) {
    const before = (await state(frame)).hidden;
    await page.mouse.click(...await middle(entry));
    const during = (await state(frame)).hidden;
    await page.mouse.click(...await middle(entry));
    const after = (await state(frame)).hidden;
    check(before.length === 0 && during.length > 1, `${name}: an entry of the legend switches nothing off`);
    check(after.length === 0, `${name}: an entry of the legend switches nothing on again`);
    switched += during.length;
  }
  console.log(`  ${name}: ${JSON.stringify(tooltip)}, ${entries.length} entries switch ${switched} elements`);
}

async function check_width(browser, width) {
  const page = await browser.newPage();
  const requests = [];
  page.on('request', request => requests.push(request.url()));
  page.on('console', message => check(!['error', 'warn', 'warning'].includes(message.type()), `console: ${message.text()}`));
  page.on('pageerror', error => problems.push(`error in the page: ${error.message}`));
  await page.setViewport({ width, height: 900, deviceScaleFactor: 1 });
  await page.goto(address, { waitUntil: 'load' });
  await page.waitForFunction(() => document.readyState === 'complete');
  const figures = await page.$$('iframe');
  check(figures.length > 0, 'the page has no figure');
  console.log(`${width} pixels wide: ${figures.length} figures`);
  for (const figure of figures) {
    await check_figure(page, figure);
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(overflow <= 0, `${width} pixels: the page is ${overflow} pixels wider than the screen`);
  await page.mouse.move(1, 1);
  // As high as the page: what is off the screen is not drawn.
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewport({ width, height, deviceScaleFactor: 1 });
  await page.evaluate(() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await page.screenshot({ path: path.join(pictures, `report_${width}.png`) });
  const others = requests.filter(url => url !== address && !/^(about:srcdoc$|data:)/.test(url));
  check(others.length === 0, `requests: ${others.slice(0, 5).join(', ')}`);
  await page.close();
}

(async () => {
  const browser = await puppeteer.launch({
    executablePath: chromium,
    args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars'],
  });
  try {
    for (const width of [1200, 400]) {
      await check_width(browser, width);
    }
  } finally {
    await browser.close();
  }
  problems.forEach(problem => console.log(`WRONG: ${problem}`));
  console.log(problems.length === 0 ? 'The report is in order.' : `${problems.length} problems`);
  process.exit(problems.length === 0 ? 0 : 1);
})();
