// What the stand-in does with a hit: parse it, decide, build TikTok's payload. Node's own modules only.
//
//   node hit.js      reads {"query", "body", "headers", "ip"} a line, writes the list of payloads a line
'use strict';

const { createHash } = require('node:crypto');

const NAMES = {
  page_view: 'Pageview', view_item: 'ViewContent', add_to_cart: 'AddToCart', begin_checkout: 'InitiateCheckout',
  add_payment_info: 'AddPaymentInfo', generate_lead: 'Lead', sign_up: 'CompleteRegistration', purchase: 'Purchase',
};
const ITEM_KEYS = { id: 'content_id', nm: 'content_name', br: 'brand', ca: 'content_category' };
const STAFF = '203.0.113.';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

// The events of a hit: the parameters of the query, for each line of the body laid over by its own.
function eventsOf(query, body) {
  const shared = Object.fromEntries(new URLSearchParams(query));
  if (shared.v !== '2' || !shared.tid) return [];
  const lines = body ? body.split('\n').filter((line) => line.trim()) : [''];
  return lines
    .map((line) => ({ ...shared, ...Object.fromEntries(new URLSearchParams(line.trim())) }))
    .filter((event) => event.en)
    .map(eventData);
}

function eventData(parameters) {
  const data = { event_name: parameters.en, user_data: {}, items: [] };
  for (const [key, value] of Object.entries(parameters)) {
    if (key.startsWith('ep.user_data.')) data.user_data[key.slice(13)] = value;
    else if (key.startsWith('epn.')) data[key.slice(4)] = Number(value);
    else if (key.startsWith('ep.')) data[key.slice(3)] = value;
    else if (/^pr[0-9]+$/.test(key)) data.items.push(itemOf(value));
    else data[key] = value;
  }
  return data;
}

function itemOf(text) {
  const item = {};
  for (const part of text.split('~')) item[part.slice(0, 2)] = part.slice(2);
  return item;
}

function cookiesOf(header) {
  const found = {};
  for (const part of (header || '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0) found[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return found;
}

// The example container's conditions.
function fires(event, ip) {
  if (!(event.event_name in NAMES) || ip.startsWith(STAFF)) return false;
  if (event.gcs && event.gcs[2] !== '1') return false;
  if (event.event_name !== 'purchase') return true;
  return event.value > 0 && !/^TEST-/.test(event.transaction_id || '');
}

function pageGroup(path) {
  const category = /^\/c\/([^/]+)/.exec(path);
  return category ? `category ${category[1]}` : path.startsWith('/p/') ? 'product' : 'other';
}

function payloadOf(event, request, received) {
  const cookies = cookiesOf(request.headers.cookie);
  const page = new URL(event.dl);
  const person = event.user_data;
  const [language, region] = (event.ul || '').split('-');
  return filled({
    event: NAMES[event.event_name],
    event_time: Math.floor(received / 1000),
    event_id: event.event_id,
    user: filled({
      ttclid: page.searchParams.get('ttclid') || cookies.ttclid,
      ttp: cookies._ttp,
      email: person.email && sha256(person.email.trim().toLowerCase()),
      phone: person.phone_number && sha256(`+${person.phone_number.replace(/[^0-9]/g, '')}`),
      external_id: event.uid && sha256(event.uid.trim()),
      ip: request.ip,
      user_agent: request.headers['user-agent'],
      locale: region ? `${language}-${region.toUpperCase()}` : language,
    }),
    properties: propertiesOf(event, page),
    page: filled({ url: event.dl, referrer: event.dr }),
  });
}

function propertiesOf(event, page) {
  const contents = event.items.map((item) => {
    const content = {};
    for (const [key, name] of Object.entries(ITEM_KEYS)) if (item[key]) content[name] = item[key];
    if (item.pr) content.price = Number(item.pr);
    content.quantity = Number(item.qt || 1);
    return content;
  });
  const listed = contents.length > 0;
  return filled({
    contents: listed ? contents : undefined,
    content_type: listed ? 'product' : undefined,
    content_ids: listed ? contents.map((content) => content.content_id) : undefined,
    num_items: listed ? contents.reduce((sum, content) => sum + content.quantity, 0) : undefined,
    currency: event.cu,
    value: event.value,
    order_id: event.transaction_id,
    description: pageGroup(page.pathname),
  });
}

function filled(members) {
  for (const key of Object.keys(members)) if (members[key] === undefined) delete members[key];
  return members;
}

// Everything that one hit leads to: a list of an event's name and the payload's text.
function take(request, received) {
  return eventsOf(request.query, request.body)
    .filter((event) => fires(event, request.ip))
    .map((event) => ({ name: event.event_name, payload: JSON.stringify(payloadOf(event, request, received)) }));
}

module.exports = { take };

if (require.main === module) {
  for (const line of require('node:fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    const payloads = take(JSON.parse(line), Date.now()).map((one) => JSON.parse(one.payload));
    process.stdout.write(`${JSON.stringify(payloads)}\n`);
  }
}
