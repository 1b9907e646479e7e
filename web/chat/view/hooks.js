import { useEffect, useState } from 'preact/hooks';

// The time, told anew every `ms` while `active`.
export function useClock(active, ms = 200) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!active) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [active, ms]);
  return active ? Math.max(now, Date.now()) : now;
}

// A list element grows with what is typed into it, up to the height that its style allows.
export function fitHeight(area) {
  if (!area) return;
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}
