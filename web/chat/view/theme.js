// Dark, light, or as the system has it.
import { signal } from '@preact/signals';

export const kThemes = [
  { value: 'system', name: 'As the system' },
  { value: 'light', name: 'Light' },
  { value: 'dark', name: 'Dark' },
];

const wantsDark = matchMedia('(prefers-color-scheme: dark)');
let chosen = 'system';
export const shownTheme = signal('light'); // 'dark' or 'light'

function apply() {
  const dark = chosen === 'dark' || (chosen === 'system' && wantsDark.matches);
  shownTheme.value = dark ? 'dark' : 'light';
  document.documentElement.dataset.theme = shownTheme.value;
}

export function setTheme(theme) {
  chosen = theme;
  apply();
}

wantsDark.addEventListener('change', apply);
