// Diagrams, drawn by the Mermaid that lies beside this file. The theme would ask another server for it, unless there is an
// object of this name; the library itself is large, and loaded by the first page with a diagram.
window.mermaid = (() => {
  const place = new URL("mermaid.min.js", document.currentScript.src);
  let settings;
  let library;

  function load() {
    library ??= new Promise((resolve, reject) => {
      const standIn = window.mermaid;
      const script = document.createElement("script");
      script.src = place;
      script.onload = () => {
        const loaded = window.mermaid;
        window.mermaid = standIn;
        loaded.initialize(settings);
        resolve(loaded);
      };
      script.onerror = () => reject(new Error(`cannot load ${place}`));
      document.head.append(script);
    });
    return library;
  }

  return {
    initialize(given) { settings = given; },
    async render(...given) { return (await load()).render(...given); },
  };
})();
