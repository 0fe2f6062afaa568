// A worker on Camunda's external task client; told by tasks' variables what to do. One JSON object a line for each event.
import { BasicAuthInterceptor, Client, Variables } from 'camunda-external-task-client-js';

const [baseUrl, username, password, asyncResponseTimeout] = process.argv.slice(2);
const client = new Client({
  baseUrl,
  workerId: 'node',
  interceptors: new BasicAuthInterceptor({ username, password }),
  asyncResponseTimeout: Number(asyncResponseTimeout),
  interval: 50,
  maxTasks: 5,
});
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));
const results = (values) => {
  const variables = new Variables();
  for (const [name, value] of Object.entries(values)) variables.set(name, value);
  return variables;
};
const unlocked = new Set();
const acts = {
  complete: (task, service) => service.complete(task, results({ text: 'ü', whole: 7, half: 0.5, list: [1, { a: null }] })),
  fail: (task, service) =>
    service.handleFailure(task, { errorMessage: 'no', errorDetails: 'trace', retries: 0, retryTimeout: 0 }),
  error: (task, service) => service.handleBpmnError(task, 'declined', 'limit', results({ why: 'limit' })),
  extend: async (task, service) => {
    await service.extendLock(task, 600000);
    say('extended');
  },
  lock: async (task, service) => {
    await service.lock(task, 60000);
    await service.complete(task);
  },
  unlock: async (task, service) => {
    if (unlocked.has(task.id)) return service.complete(task);
    unlocked.add(task.id);
    return service.unlock(task);
  },
  late: async (task, service) => {
    await service.complete(task);
    await service.complete(task).catch((error) => say('refused', { status: error.httpStatusCode, type: error.type }));
  },
};

client.on('poll:error', (error) => say('poll:error', { message: error.message }));
client.subscribe('charge', { lockDuration: 60000 }, async ({ task, taskService }) => {
  const { act } = task.variables.getAll();
  say('task', { act, variables: task.variables.getAll(), businessKey: task.businessKey, expires: task.lockExpirationTime });
  try {
    await acts[act](task, taskService);
    say('done', { act });
  } catch (error) {
    say('failed', { act, message: error.message });
  }
});
