// Every sentence the page says by itself.
export const texts = {
  full: 'This room is full: two people are talking in it already.',
  fullTrying: 'This room is full; trying again for some seconds.',
  retry: 'Try again',
  denied: 'The browser was not allowed to use camera and microphone. You can see and hear the other side; allow them in ' +
    'the address bar and reload to be seen.',
  insecure: 'Browsers give camera and microphone only to pages from https or localhost. You can see and hear the other side.',
  noCamera: 'No camera was found; the other side can only hear you.',
  noMicrophone: 'No microphone was found; the other side can only see you.',
  noDevices: 'Neither camera nor microphone was found. You can see and hear the other side.',
  inUse: 'Camera or microphone is in use by another program. You can see and hear the other side.',
  serverGone: 'The room server does not answer.',
  signalingLost: 'The connection to the signaling server was lost; trying to get it back. A running call goes on.',
  seatLost: 'The place in the room was lost; joining again.',
  mediaLost: 'The connection to the other side was lost; trying to get it back.',
  left: 'You have left the call.',
  again: 'Join again',
  mute: 'Mute',
  unmute: 'Unmute',
  cameraOff: 'Camera off',
  cameraOn: 'Camera on',
};
