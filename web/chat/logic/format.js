// Figures for people; bytes and counts as the planner writes them.
export { formatBytes, formatContext, formatCount } from '../../plan/format.js';

// 0.4 s, 12 s, 3 min 5 s, 2 h 10 min
export function formatTime(ms) {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds) / 60;
  if (minutes < 60) return `${Math.floor(minutes)} min ${Math.round(seconds) % 60} s`;
  return `${Math.floor(minutes / 60)} h ${Math.floor(minutes) % 60} min`;
}

export function formatSpeed(perSecond) {
  const digits = perSecond < 10 ? 2 : perSecond < 100 ? 1 : 0;
  return `${perSecond.toFixed(digits)} tokens/s`;
}

// Today: the time; before: the day.
export function formatWhen(ms, now = new Date()) {
  const when = new Date(ms);
  if (when.toDateString() === now.toDateString())
    return when.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const year = when.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return when.toLocaleDateString([], { day: 'numeric', month: 'short', year });
}
