// What the page remembers besides chats: theme and key. In localStorage, for the theme must be
// there before the first picture.
import { signal } from '@preact/signals';
import { kThemes, setTheme } from './view/theme.js';

export class Preferences {
  constructor() {
    const theme = localStorage.getItem('hadal-theme');
    this.theme = signal(kThemes.some(({ value }) => value === theme) ? theme : 'system');
    this.key = signal(localStorage.getItem('hadal-key') ?? '');
    setTheme(this.theme.value);
  }

  setTheme(theme) {
    this.theme.value = theme;
    localStorage.setItem('hadal-theme', theme);
    setTheme(theme);
  }

  setKey(key) {
    this.key.value = key;
    localStorage.setItem('hadal-key', key);
  }
}
