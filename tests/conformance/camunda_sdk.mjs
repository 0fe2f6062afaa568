// Camunda's own SDK, led line by line by the test: {connect: settings} makes the clients; {id, client, method,
// arguments} is called and answered with what came back; {work: type} begins a job worker that does what a job's
// variable `act` says. One JSON object a line.
import { createInterface } from 'node:readline';
import { Camunda8 } from '@camunda8/sdk';

let camunda;
const clients = {
  rest: () => camunda.getCamundaRestClient(),
  cluster: () => camunda.getOrchestrationClusterApiClient(),
};
const plain = (_, value) => (typeof value === 'bigint' ? String(value) : value);
const revived = (_, value) => (value?.type === 'Buffer' ? Buffer.from(value.data) : value); // as Node writes bytes
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }, plain));
const acts = {
  complete: (job) => job.complete({ shipped: true, weight: 1.5 }),
  'fail twice': (job) =>
    job.retries > 1 ? job.fail({ errorMessage: 'no power', retries: job.retries - 1, retryBackOff: 100 }) : job.complete(),
  'give up': (job) => job.fail({ errorMessage: 'no power', retries: 0 }),
  error: (job) => job.error({ errorCode: 'sold-out', errorMessage: 'none left', variables: { why: 'empty' } }),
};
const work = (type) =>
  clients.rest().createJobWorker({
    type,
    worker: 'node',
    timeout: 60000,
    maxJobsToActivate: 5,
    pollIntervalMs: 50,
    requestTimeout: 2000,
    jobHandler: async (job) => {
      const { act } = job.variables;
      say('job', { act, retries: job.retries, variables: job.variables, headers: job.customHeaders, key: job.jobKey });
      const done = await acts[act](job);
      say('done', { act });
      return done;
    },
  });
const call = async ({ id, client, method, arguments: values }) => {
  try {
    const value = await clients[client]()[method](...values);
    say('answer', { id, value: value === undefined ? null : (value.body ?? value) });
  } catch (error) {
    say('refused', { id, status: error.statusCode ?? error.status ?? null, detail: error.detail ?? null, message: [error.message, ...(error.issues ?? [])].join('; ') });
  }
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const told = JSON.parse(line, revived);
  if (told.connect) {
    camunda?.getCamundaRestClient().stopWorkers();
    camunda = new Camunda8(told.connect);
  } else if (told.work) work(told.work);
  else call(told);
});
