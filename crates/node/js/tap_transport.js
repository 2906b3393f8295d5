"use strict";
// Reports what passes through a transport to a listener, before it goes on its way.

/** For each tapped member, what its event says beside the type. */
const METHODS = {
  close: () => ({}),
  send: (message) => ({ message }),
  start: () => ({}),
};
const CALLBACKS = {
  onclose: () => ({}),
  onerror: (error) => ({ error }),
  onmessage: (message) => ({ message }),
};

/** Wraps the members of `transport` in place; `eventHandler` is told first. */
const tapTransport = (transport, eventHandler) => {
  for (const [type, describe] of Object.entries(METHODS)) {
    const original = transport[type].bind(transport);
    transport[type] = async (...args) => {
      eventHandler({ ...describe(...args), type });
      return original(...args);
    };
  }
  for (const [type, describe] of Object.entries(CALLBACKS)) {
    const original = transport[type]?.bind(transport);
    // Not async: what the event handler throws goes to the transport, not to unhandled rejections.
    transport[type] = (...args) => {
      eventHandler({ ...describe(...args), type });
      return original?.(...args);
    };
  }
  return transport;
};

module.exports = { tapTransport };
