// Loaded before a program that listens on port 3000, which may be in use.
const { Server } = require("node:net");

const { listen } = Server.prototype;

Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, port === 3000 ? Number(process.env.EXAMPLE_PORT) : port, ...rest);
};
