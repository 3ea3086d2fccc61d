// Camera and microphone: both, or what there is, or nothing with a reason.

async function tryGet(constraints) {
  return navigator.mediaDevices.getUserMedia(constraints);
}

// {stream, problem}: problem is null or a key of texts.js.
export async function getMedia(constraints) {
  if (!constraints.audio && !constraints.video) {
    return {stream: new MediaStream(), problem: null};
  }
  if (!navigator.mediaDevices) {
    return {stream: new MediaStream(), problem: 'insecure'};
  }
  try {
    return {stream: await tryGet(constraints), problem: null};
  } catch (e) {
    if (e.name === 'NotAllowedError') {
      return {stream: new MediaStream(), problem: 'denied'};
    }
    const inUse = e.name === 'NotReadableError';
    if (constraints.audio && constraints.video) {
      for (const kind of ['audio', 'video']) {
        try {
          const stream = await tryGet({[kind]: constraints[kind]});
          return {stream, problem: kind === 'audio' ? 'noCamera' : 'noMicrophone'};
        } catch {
          // the next kind
        }
      }
    }
    return {stream: new MediaStream(), problem: inUse ? 'inUse' : 'noDevices'};
  }
}
