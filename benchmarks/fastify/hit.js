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
  const shared = pairsOf(query);
  const lines = body ? body.split('\n').filter((line) => line.trim()) : [''];
  const events = lines.map((line) => eventData(shared, line ? pairsOf(line.trim()) : []));
  return events.filter(({ data }) => data.get('v') === '2' && data.get('tid') && data.get('en'));
}

// Names and values by turns.
function pairsOf(text) {
  const found = [];
  for (const part of text.split('&')) {
    const at = part.indexOf('=');
    if (at < 0) found.push(decoded(part), '');
    else found.push(decoded(part.slice(0, at)), decoded(part.slice(at + 1)));
  }
  return found;
}

function decoded(text) {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function eventData(...lists) {
  const data = new Map();
  const person = new Map();
  const items = [];
  for (const list of lists) {
    for (let at = 0; at < list.length; at += 2) {
      const key = list[at];
      const value = list[at + 1];
      if (key.startsWith('ep.user_data.')) person.set(key.slice(13), value);
      else if (key.startsWith('epn.')) data.set(key.slice(4), Number(value));
      else if (key.startsWith('ep.')) data.set(key.slice(3), value);
      else if (/^pr[0-9]+$/.test(key)) items.push(itemOf(value));
      else data.set(key, value);
    }
  }
  return { name: data.get('en'), data, person, items };
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
  if (!(event.name in NAMES) || ip.startsWith(STAFF)) return false;
  const signal = event.data.get('gcs');
  if (signal && signal[2] !== '1') return false;
  if (event.name !== 'purchase') return true;
  return event.data.get('value') > 0 && !/^TEST-/.test(event.data.get('transaction_id') || '');
}

function pageGroup(path) {
  const category = /^\/c\/([^/]+)/.exec(path);
  return category ? `category ${category[1]}` : path.startsWith('/p/') ? 'product' : 'other';
}

// JSON leaves out what is undefined.
function payloadOf(event, request, received) {
  const { data, person } = event;
  const cookies = cookiesOf(request.headers.cookie);
  const page = new URL(data.get('dl'));
  const [language, region] = (data.get('ul') || '').split('-');
  const email = person.get('email');
  const phone = person.get('phone_number');
  const account = data.get('uid');
  return {
    event: NAMES[event.name],
    event_time: Math.floor(received / 1000),
    event_id: data.get('event_id'),
    user: {
      ttclid: page.searchParams.get('ttclid') || cookies.ttclid,
      ttp: cookies._ttp,
      email: email && sha256(email.trim().toLowerCase()),
      phone: phone && sha256(`+${phone.replace(/[^0-9]/g, '')}`),
      external_id: account && sha256(account.trim()),
      ip: request.ip,
      user_agent: request.headers['user-agent'],
      locale: region ? `${language}-${region.toUpperCase()}` : language,
    },
    properties: propertiesOf(event, page),
    page: { url: data.get('dl'), referrer: data.get('dr') },
  };
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
  return {
    contents: listed ? contents : undefined,
    content_type: listed ? 'product' : undefined,
    content_ids: listed ? contents.map((content) => content.content_id) : undefined,
    num_items: listed ? contents.reduce((sum, content) => sum + content.quantity, 0) : undefined,
    currency: event.data.get('cu'),
    value: event.data.get('value'),
    order_id: event.data.get('transaction_id'),
    description: pageGroup(page.pathname),
  };
}

// Everything that one hit leads to: a list of an event's name and the payload's text.
function take(request, received) {
  return eventsOf(request.query, request.body)
    .filter((event) => fires(event, request.ip))
    .map((event) => ({ name: event.name, payload: JSON.stringify(payloadOf(event, request, received)) }));
}

module.exports = { take };

if (require.main === module) {
  for (const line of require('node:fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    const payloads = take(JSON.parse(line), Date.now()).map((one) => JSON.parse(one.payload));
    process.stdout.write(`${JSON.stringify(payloads)}\n`);
  }
}
