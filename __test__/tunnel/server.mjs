// The tunnel server of npm `pipenet` as a process of its own, so that a test can kill it. Options
// come as JSON in the first argument; what happens is reported to the parent.
import { createServer } from "pipenet/server";

const { port, ...options } = JSON.parse(process.argv[2]);

const server = createServer({
  domains: ["localhost"],
  ...options,
  onTunnelClosed: ({ id }) => process.send({ closed: id }),
  onTunnelCreated: ({ id }) => process.send({ created: id }),
});

if (server.tunnelServer) await server.tunnelServer.listen(options.tunnelPort);
server.listen(port, () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
