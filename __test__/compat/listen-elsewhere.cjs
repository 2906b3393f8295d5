// Loaded before a program that listens on port 3000, which others may be using.
const { Server } = require("node:net");

const { listen } = Server.prototype;

Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, port === 3000 ? Number(process.env.EXAMPLE_PORT) : port, ...rest);
};
