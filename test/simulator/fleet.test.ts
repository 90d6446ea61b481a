import { createHash, X509Certificate } from 'node:crypto';
import { Agent } from 'undici';
import { PeerVerifier } from '../../api/identity/peer.ts';
import { IssuedCertificates } from '../../db/stores/agent/issued-certificates.ts';
import { makeSharedKeys } from '../../simulator/enrolment/identity.ts';
import { prepareAgents } from '../../simulator/enrolment/prepare.ts';
import { registerAgents } from '../../simulator/enrolment/register.ts';
import { Evidence } from '../../simulator/evidence/evidence.ts';
import { Tally } from '../../simulator/fleet/context.ts';
import { Fleet } from '../../simulator/fleet/fleet.ts';
import { MtlsTransport, sourceAddress } from '../../simulator/fleet/mtls-transport.ts';
import { type FleetPlan, profileOf } from '../../simulator/fleet/profile.ts';
import { Chance } from '../../simulator/fleet/random.ts';
import { TimerWheel } from '../../simulator/fleet/timer-wheel.ts';
import { ProxyTransport, type Transport } from '../../simulator/fleet/transport.ts';
import { VirtualAgent } from '../../simulator/fleet/virtual-agent.ts';
import { Recorder } from '../../simulator/measure/recorder.ts';
import { startTestApi, type TestApi } from '../harness/api.ts';
import { eventually } from '../harness/eventually.ts';

const PLAN: FleetPlan = {
  agents: 50,
  durationMs: 60_000,
  heartbeatMs: 500,
  telemetryMs: 1_000,
  offlineAfterMs: 300_000,
  absentShare: 0,
};

let api: TestApi;
let keys: Awaited<ReturnType<typeof makeSharedKeys>>;
beforeAll(async () => {
  api = await startTestApi({
    overrides: {
      EUCORA_AGENT_PROXY_PORT: '0',
      EUCORA_TRUSTED_PROXIES: '127.0.0.0/8',
      EUCORA_REQUESTS_PER_MINUTE: '6000',
    },
  });
  keys = await makeSharedKeys();
});
afterAll(() => api?.dispose());

const profiles = (seed: number, count = PLAN.agents) =>
  Array.from({ length: count }, (_, index) => profileOf(new Chance(seed), PLAN, index));

async function prepared(seed: number): Promise<VirtualAgent[]> {
  const all = profiles(seed);
  const identities = await prepareAgents(all, {
    pool: api.database.pool,
    dataDir: api.dataDir,
    keys,
    chance: new Chance(seed),
    onProgress: () => {},
  });
  return all.flatMap((profile, index) => {
    const identity = identities[index];
    return identity === undefined ? [] : [new VirtualAgent(profile, identity)];
  });
}

async function live(seed: number, transport: Transport, agents: readonly VirtualAgent[]) {
  const recorder = new Recorder();
  const fleet = new Fleet(
    {
      plan: PLAN,
      chance: new Chance(seed),
      wheel: new TimerWheel(),
      transport,
      recorder,
      habits: { thinkMs: 10, workMs: 50, failureShare: 0.2, packageFailures: new Map() },
      tally: new Tally(),
    },
    agents,
  );
  fleet.start();
  fleet.bringBack('all', 'asleep', PLAN.heartbeatMs);
  return { fleet, recorder };
}

/** Has every agent do a task, and everything be confirmed. */
async function proveWork(seed: number, transport: Transport): Promise<void> {
  const agents = await prepared(seed);
  const { fleet, recorder } = await live(seed, transport, agents);
  try {
    const { tally } = fleet.context;
    const { tasks } = api.database.stores;
    for (const agent of agents)
      await tasks.create(
        {
          agent_id: agent.id,
          task_type: 'REMEDIATE',
          payload: { script: 'exit 0' },
          timeout_seconds: 60,
          max_retries: 3,
        },
        { actor: { type: 'operator', id: 'test' }, correlationId: `fleet-${seed}` },
      );
    await eventually(() => {
      if (tally.tasksCompleted + tally.tasksFailed < agents.length || tally.samplesDelivered < agents.length)
        throw new Error(JSON.stringify(tally));
    });
    fleet.sendAway({ site: 1 }, 'cut');
    fleet.bringBack({ site: 1 }, 'cut', 100);
    await eventually(() => {
      if (fleet.countReachable() < agents.length) throw new Error('somebody is still away');
    });
    fleet.finish();
    await eventually(() => {
      if (fleet.unconfirmed() > 0) throw new Error('not all are confirmed');
    });
    const evidence = new Evidence(api.database.pool);
    expect(await evidence.taskStates(`fleet-${seed}`)).toEqual({
      COMPLETED: tally.tasksCompleted,
      FAILED: tally.tasksFailed,
    });
    const stamps = await evidence.lastHeartbeats(agents.map(({ id }) => id));
    for (const agent of agents) expect(stamps.get(agent.id)).toBeGreaterThanOrEqual(agent.lastSentAt - 2);
    expect(recorder.figures()['heartbeat']).toMatchObject({ errors: 0 });
  } finally {
    fleet.context.wheel.stop();
    await transport.close();
  }
}

describe('A fleet against the real API', () => {
  it('behind a proxy: 50 agents over a few shared connections', async () => {
    await proveWork(11, new ProxyTransport(api.proxyUrl ?? '', 4));
  });

  it('by mutual TLS: 50 agents with a certificate and a connection each', async () => {
    const transport = new MtlsTransport({
      server: api.agentUrl,
      caPem: api.caPem,
      keys: keys.map(({ privateKey }) => privateKey),
    });
    await proveWork(12, transport);
  });

  it('keeps saying what nobody heard', async () => {
    const nobody = new ProxyTransport('http://127.0.0.1:1');
    const { fleet, recorder } = await live(13, nobody, await prepared(13));
    try {
      await eventually(() => {
        if (fleet.context.tally.kept === 0) throw new Error('nothing was kept yet');
      });
      expect(fleet.context.tally.heartbeatsConfirmed).toBe(0);
      expect(fleet.unconfirmed()).toBeGreaterThan(0);
      expect(recorder.figures()['heartbeat']?.outcomes).toHaveProperty('ECONNREFUSED');
    } finally {
      fleet.context.wheel.stop();
      await nobody.close();
    }
  });
});

describe('Enrolment', () => {
  it('registers by the API, each agent as itself', async () => {
    const made = await api.database.stores.enrolmentTokens.create(
      { name: 'fleet', expires_in_seconds: 60, max_uses: null, tags: {} },
      { type: 'operator', id: 'test' },
      'test',
    );
    const dispatcher = new Agent({ connect: { ca: api.caPem } });
    const recorder = new Recorder();
    const counts: number[] = [];
    try {
      const identities = await registerAgents(profiles(14, 5), {
        server: api.agentUrl,
        dispatcher,
        token: made.token,
        keys,
        recorder,
        onProgress: (count) => counts.push(count),
      });
      expect(new Set(identities.map(({ id }) => id)).size).toBe(5);
      expect(counts).toHaveLength(5);
      expect(recorder.figures()['register']?.count).toBe(5);
    } finally {
      await dispatcher.close();
    }
  });

  it('prints certificates that the API takes for its own, with a serial number each', async () => {
    const agents = await prepared(15);
    const issued = new IssuedCertificates(api.database.pool, api.authority.fingerprint);
    const verifier = new PeerVerifier(api.caPem, async () => undefined);
    const serials = new Set<string>();
    for (const agent of agents) {
      const peer = await verifier.ofHeader(`:${agent.certificate.toString('base64')}:`);
      expect(peer).toMatchObject({ kind: 'agent', agentId: agent.id });
      expect(await issued.find(createHash('sha256').update(agent.certificate).digest('hex'))).toEqual({
        agentId: agent.id,
        notBefore: expect.any(Date),
        notAfter: expect.any(Date),
      });
      const certificate = new X509Certificate(agent.certificate);
      expect(certificate.subject).toContain(agent.profile.hostname);
      serials.add(certificate.serialNumber);
    }
    expect(serials.size).toBe(agents.length);
  });

  it('takes further source addresses when one has no ports left', () => {
    expect([0, 9_999, 10_000, 25_000].map(sourceAddress)).toEqual([
      '127.0.0.1',
      '127.0.0.1',
      '127.0.0.2',
      '127.0.0.3',
    ]);
  });
});
