// Shows the chosen theme before the first paint; a file of its own, since the content security policy allows no script
// in the page. The app (client/theme.rs) writes the same key. And should the app not come up at all, says so.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem('sotto.theme');
    if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  } catch {
    // Storage is closed to us: as the system says.
  }
  const failed = () => {
    if (!document.getElementById('app')?.hasChildNodes()) root.dataset.boot = 'failed';
  };
  addEventListener('error', failed, true);
  addEventListener('unhandledrejection', failed);
  if (typeof WebAssembly !== 'object') root.dataset.boot = 'failed';
})();
