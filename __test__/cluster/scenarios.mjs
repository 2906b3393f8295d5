// Accidents of replicas under load. Each takes the world, its load, and for how many seconds something stays broken.
import { setTimeout as sleep } from "node:timers/promises";

const during = async (load, seconds) => {
  await sleep(seconds * 1000);
  await load.pass(20);
};

/** Name → the accident, its default duration, and whether clients may notice it. */
export const scenarios = {
  "rolling update": {
    quiet: true,
    seconds: 0.5,
    run: async ({ load, seconds, world }) => {
      for (const [index, replica] of world.replicas.entries()) {
        await world.leaveOut(index);
        await replica.terminate();
        await replica.start();
        await world.leaveOut();
        await during(load, seconds);
      }
    },
  },
  "kill -9": {
    seconds: 1,
    run: async ({ load, seconds, world }) => {
      for (const replica of world.replicas) {
        await replica.kill();
        await during(load, seconds);
        await replica.start();
        await during(load, seconds);
      }
    },
  },
  "replica suspended for longer than its lease": {
    seconds: 13,
    run: async ({ load, seconds, world }) => {
      world.replicas[0].signal("SIGSTOP");
      await sleep(seconds * 1000);
      world.replicas[0].signal("SIGCONT");
      await during(load, 2);
    },
  },
  "replica cut off from the store": {
    seconds: 13,
    run: async ({ load, seconds, world }) => {
      world.replicas[0].toStore.cut();
      await during(load, seconds);
      world.replicas[0].toStore.mend();
      await during(load, 2);
    },
  },
  "replica cut off from the store, packets lost": {
    seconds: 13,
    run: async ({ load, seconds, world }) => {
      world.replicas[0].toStore.hold();
      await during(load, seconds);
      world.replicas[0].toStore.mend();
      await during(load, 2);
    },
  },
  "replica cut off from the others": {
    seconds: 3,
    run: async ({ load, seconds, world }) => {
      world.replicas[0].fromPeers.cut();
      await during(load, seconds);
      world.replicas[0].fromPeers.mend();
      await during(load, 2);
    },
  },
  "replica cut off from all": {
    seconds: 13,
    run: async ({ load, seconds, world }) => {
      const [replica] = world.replicas;
      for (const link of [replica.toStore, replica.fromPeers]) link.cut();
      await during(load, seconds);
      for (const link of [replica.toStore, replica.fromPeers]) link.mend();
      await during(load, 2);
    },
  },
  "store slow by 200 ms": {
    seconds: 3,
    run: async ({ load, seconds, world }) => {
      for (const { toStore } of world.replicas) toStore.slow(100);
      await during(load, seconds);
      for (const { toStore } of world.replicas) toStore.mend();
      await during(load, 1);
    },
  },
  "store killed, empty when it comes back": {
    quiet: true,
    seconds: 3,
    run: async ({ load, seconds, world }) => {
      await world.store.kill();
      await during(load, seconds);
      await world.store.restart();
      await during(load, 4);
    },
  },
  "store suspended": {
    quiet: true,
    seconds: 12,
    run: async ({ load, seconds, world }) => {
      world.store.signal("SIGSTOP");
      await during(load, seconds);
      world.store.signal("SIGCONT");
      await during(load, 2);
    },
  },
  "owner killed while the store is away": {
    seconds: 2,
    run: async ({ load, seconds, world }) => {
      await world.store.kill();
      await sleep(500);
      await world.store.restart();
      await during(load, 4);
      await world.replicas[0].kill();
      await during(load, seconds);
      await world.replicas[0].start();
      await during(load, 2);
    },
  },
};
