// The room server's HTTP API. The page's own query goes along, as AppRTC's client does it.

const query = location.search;

async function post(path, body, extra = {}) {
  const answer = await fetch(path, {method: 'POST', body, ...extra});
  if (!answer.ok) {
    throw new Error(`${path.split('?')[0]}: ${answer.status}`);
  }
  return answer;
}

const withQuery = (path, more = '') => {
  const all = [query.slice(1), more].filter(Boolean).join('&');
  return all ? `${path}?${all}` : path;
};

// {result, params}; rejoin: the client id of a seat to take back.
export async function join(room, rejoin) {
  const more = rejoin ? `rejoin=${encodeURIComponent(rejoin)}` : '';
  return (await post(withQuery(`/join/${encodeURIComponent(room)}`, more))).json();
}

export async function message(room, client, text) {
  return (await post(withQuery(`/message/${room}/${client}`), text)).json();
}

// closing: the page is going away, and only a beacon still arrives.
export async function leave(room, client, closing) {
  const path = `/leave/${room}/${client}`;
  if (!closing || !navigator.sendBeacon(path)) {
    await post(path, '', {keepalive: true});
  }
}

// No ICE servers are no reason not to call: a direct way may exist.
export async function iceServers(url) {
  if (!url) {
    return [];
  }
  try {
    return (await (await post(url)).json()).iceServers ?? [];
  } catch (e) {
    console.warn('no ICE servers:', e.message);
    return [];
  }
}
