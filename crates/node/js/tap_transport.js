"use strict";
// Reports everything that passes a transport to a listener, before it is passed on.

/** For each tapped member, the fields of its event besides the type. */
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

/** Wraps the members of `transport` in place; `eventHandler` is called first. */
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
    // Not async: exceptions of the event handler go to the transport, not to unhandled rejections.
    transport[type] = (...args) => {
      eventHandler({ ...describe(...args), type });
      return original?.(...args);
    };
  }
  return transport;
};

module.exports = { tapTransport };
