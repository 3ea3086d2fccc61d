// What the room server tells the page: the JSON data block of the page itself, and the answer to /join.
// Many members are JSON texts inside strings, as AppRTC's clients expect them.

export function pageParams() {
  const block = document.getElementById('params');
  return block ? JSON.parse(block.textContent) : {};
}

function inner(text, fallback) {
  try {
    return JSON.parse(text) ?? fallback;
  } catch {
    return fallback;
  }
}

const AS_CONSTRAINT = {
  minWidth: ['width', 'min'], maxWidth: ['width', 'max'],
  minHeight: ['height', 'min'], maxHeight: ['height', 'max'],
  minFrameRate: ['frameRate', 'min'], maxFrameRate: ['frameRate', 'max'],
  minAspectRatio: ['aspectRatio', 'min'], maxAspectRatio: ['aspectRatio', 'max'],
  sourceId: ['deviceId', 'exact'],
};

// {mandatory: {minWidth: "1280"}, optional: [{...}]}, the syntax of 2013, as today's constraints.
function track(old) {
  if (typeof old !== 'object' || old === null) {
    return Boolean(old);
  }
  const out = {};
  const add = (name, value, wish) => {
    if (name in AS_CONSTRAINT) {
      const [key, bound] = AS_CONSTRAINT[name];
      const v = key === 'deviceId' ? value : Number(value);
      out[key] = {...out[key], [wish ? 'ideal' : bound]: v};
    }
  };
  for (const [name, value] of Object.entries(old.mandatory ?? {})) {
    add(name, value, false);
  }
  for (const one of old.optional ?? []) {
    for (const [name, value] of Object.entries(one)) {
      add(name, value, true);
    }
  }
  return Object.keys(out).length > 0 ? out : true;
}

export function mediaConstraints(params) {
  const {audio = true, video = true} = inner(params.media_constraints, {});
  return {audio: track(audio), video: track(video)};
}

export function peerConfig(params, iceServers) {
  const {iceTransports, ...config} = inner(params.pc_config, {});
  if (iceTransports) {
    config.iceTransportPolicy = iceTransports === 'relay' ? 'relay' : 'all';
  }
  if (!config.iceServers?.length) {
    config.iceServers = iceServers;
  }
  return config;
}

// The page parameter tt: only URLs of that transport; one without any gets it.
export function onlyTransport(iceServers, transport) {
  if (!transport) {
    return iceServers;
  }
  return iceServers.map((server) => ({
    ...server,
    urls: [server.urls].flat()
        .filter((u) => !u.includes('transport=') || u.includes(`transport=${transport}`))
        .map((u) => (u.startsWith('stun') || u.includes('?transport=') ? u : `${u}?transport=${transport}`)),
  })).filter((server) => server.urls.length > 0);
}
