// Memory by component: one bar of all that is planned, and its parts as a table.
import { diskParts, memoryParts } from '../logic/machine.js';
import { formatBytes, formatCount } from '../logic/format.js';
import { colourOf } from '../../plan/bars.js';

const kOwnColours = {
  free: 'var(--line)',
  scratch: '#7d8a97',
  requests: '#c2b280',
  program: '#a3adb7',
  kv_held: '#6d4c41',
};

// What the cache folder holds is no memory: rows of their own, below the sum.
function OnDisk({ disk }) {
  return diskParts(disk).map(({ key, name, bytes }) => (
    <tr key={key} class="on-disk">
      <th scope="row">{name}</th>
      <td title={`${formatCount(bytes)} bytes`}>{formatBytes(bytes)}</td>
      <td>{key === 'states' ? `${((100 * bytes) / disk.limit_bytes).toFixed(1)}% of limit` : ''}</td>
    </tr>
  ));
}

function DiskNote({ disk }) {
  if (!disk || !('states' in disk)) return null;
  return (
    <p class="note">
      On disk are {formatCount(disk.state_count)} states, of {formatBytes(disk.limit_bytes)} at
      most. Since its start this server has written {formatCount(disk.written_states)}, read back{' '}
      {formatCount(disk.restored_states)} and left out {formatCount(disk.skipped_states)}.
    </p>
  );
}

export function MemoryView({ memory, disk }) {
  const parts = memoryParts(memory);
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const kvKeys = parts.map(({ key }) => key).filter((key) => key.startsWith('kv_'));
  const colour = (key) => kOwnColours[key] ?? colourOf(key, kvKeys);
  return (
    <section>
      <h2>Memory</h2>
      <div class="bar" role="img" aria-label="parts of the memory, see the table">
        {parts.map(({ key, name, bytes }) => (
          <span
            key={key}
            class="piece"
            title={`${name}: ${formatBytes(bytes)}`}
            style={{ width: `${(100 * bytes) / total}%`, background: colour(key) }}
          />
        ))}
      </div>
      <div class="scroll" tabIndex={0}>
        <table class="parts">
          <thead>
            <tr>
              <th>part</th>
              <th>memory</th>
              <th>share</th>
            </tr>
          </thead>
          <tbody>
            {parts.map(({ key, name, bytes }) => (
              <tr key={key}>
                <th scope="row">
                  <i class="swatch" style={{ background: colour(key) }} />
                  {name}
                </th>
                <td title={`${formatCount(bytes)} bytes`}>{formatBytes(bytes)}</td>
                <td>{((100 * bytes) / total).toFixed(1)}%</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">all</th>
              <td>{formatBytes(total)}</td>
              <td />
            </tr>
            <OnDisk disk={disk} />
          </tfoot>
        </table>
      </div>
      <DiskNote disk={disk} />
    </section>
  );
}
