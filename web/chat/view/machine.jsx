// The machine as it is now: speeds, requests, memory, and what the same context takes elsewhere.
import { useEffect, useState } from 'preact/hooks';
import { speedLines } from '../logic/machine.js';
import { formatBytes, formatCount, formatTime } from '../logic/format.js';
import { MemoryView } from './memory_view.jsx';
import { SameContext } from './same_context.jsx';
import { SpeedChart } from './speed_chart.jsx';

const kEveryMs = 1000;

// Asks once a second while the page is seen. Returns {status, error}.
function useStatus(api) {
  const [state, setState] = useState({ status: null, error: null });
  useEffect(() => {
    const abort = new AbortController();
    let timer = null;
    const ask = async () => {
      try {
        if (!document.hidden) setState({ status: await api.status(abort.signal), error: null });
      } catch (error) {
        if (abort.signal.aborted) return;
        setState(({ status }) => ({ status, error: error.message }));
      }
      timer = setTimeout(ask, kEveryMs);
    };
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, []);
  return state;
}

export function usePlan(api) {
  const [state, setState] = useState({ plan: null, error: null });
  useEffect(() => {
    api.plan().then(
      (plan) => setState({ plan, error: null }),
      (error) => setState({ plan: null, error: error.message }),
    );
  }, []);
  return state;
}

function Tile({ name, value, unit }) {
  return (
    <div class="tile">
      <span class="tile-name">{name}</span>
      <span class="tile-value">
        {value}
        {unit && <small>{unit}</small>}
      </span>
    </div>
  );
}

const rate = (value) => value.toFixed(value > 0 && value < 100 ? 1 : 0);

function Tiles({ speed, requests, memory, server }) {
  const { kv } = memory;
  return (
    <div class="tiles">
      <Tile name="Writing" value={rate(speed.decode_tokens_per_s)} unit="tokens/s" />
      <Tile name="Reading" value={rate(speed.prompt_tokens_per_s)} unit="tokens/s" />
      <Tile name="Requests running" value={requests.running} unit={`of ${server.parallel}`} />
      <Tile name="Waiting" value={requests.waiting} unit="in the queue" />
      <Tile
        name="Memory planned"
        value={formatBytes(memory.planned_bytes)}
        unit={`${formatBytes(memory.resident_anonymous_bytes)} held now`}
      />
      <Tile
        name="KV in use"
        value={formatBytes(kv.used_bytes)}
        unit={`of ${formatBytes(kv.limit_bytes)}`}
      />
    </div>
  );
}

function Requests({ list }) {
  return (
    <section>
      <h2>Requests</h2>
      {list.length === 0 ? (
        <p class="note">None at the moment.</p>
      ) : (
        <div class="scroll" tabIndex={0}>
          <table class="parts">
            <thead>
              <tr>
                <th>request</th>
                <th>state</th>
                <th>prompt</th>
                <th>read</th>
                <th>written</th>
                <th>for</th>
              </tr>
            </thead>
            <tbody>
              {list.map((each) => (
                <tr key={each.id}>
                  <th scope="row" class="request-id">
                    {each.id}
                  </th>
                  <td>{each.state}</td>
                  <td>{formatCount(each.prompt_tokens)}</td>
                  <td>{formatCount(each.read_tokens)}</td>
                  <td>{formatCount(each.generated_tokens)}</td>
                  <td>{formatTime(1000 * each.seconds)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Speeds({ speed, theme }) {
  const { times, decode, prompt, running, waiting } = speedLines(speed);
  return (
    <div class="charts">
      <SpeedChart
        title="Writing, tokens/s"
        names={['written']}
        times={times}
        lines={[decode]}
        format={rate}
        theme={theme}
      />
      <SpeedChart
        title="Reading, tokens/s"
        names={['read']}
        times={times}
        lines={[prompt]}
        format={rate}
        theme={theme}
      />
      <SpeedChart
        title="Requests"
        names={['running', 'waiting']}
        times={times}
        lines={[running, waiting]}
        format={String}
        theme={theme}
      />
    </div>
  );
}

export function Machine({ session, theme }) {
  const { status, error } = useStatus(session.api);
  const { plan } = usePlan(session.api);
  if (!status)
    return <p class="soon">{error ? `No figures: ${error}.` : 'Waiting for the first figures.'}</p>;
  const { model, server, requests, speed, memory } = status;
  return (
    <div class="scrolling" tabIndex={0} role="region" aria-label="Machine">
      <div class="board machine">
        <h1>{model.id}</h1>
        <p class="machine-about">
          {formatCount(model.parameters)} parameters, context of {formatCount(model.context)}{' '}
          tokens; hadal {server.version}, {server.threads}{' '}
          {server.threads === 1 ? 'thread' : 'threads'}, up for{' '}
          {formatTime(1000 * server.uptime_s)}
          {error && <strong class="machine-lost"> – lost since: {error}</strong>}
        </p>
        <Tiles {...status} />
        <Speeds speed={speed} theme={theme} />
        <MemoryView memory={memory} disk={status.disk} />
        {plan && <SameContext plan={plan} context={model.context} />}
        <Requests list={requests.list} />
      </div>
    </div>
  );
}
