// The build reads style sheets as texts.
declare module "*.min.css" {
  const text: string;
  export default text;
}
