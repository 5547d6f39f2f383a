namespace Dumont.Contracts;

/// <summary>Whether the server works. Answered with 200, or with 503 when degraded.</summary>
/// <param name="Status"><c>healthy</c> or <c>degraded</c>.</param>
/// <param name="Version">Of the server.</param>
/// <param name="Service">Always <c>dumont-cloud</c>.</param>
/// <param name="Reason">What is wrong; null when nothing is.</param>
public sealed record HealthResponse(string Status, string Version, string Service, string? Reason);

/// <summary>Where to go from here.</summary>
/// <param name="Message">Name of the product.</param>
/// <param name="Version">Of the server.</param>
/// <param name="Docs">Path of the API's documentation.</param>
/// <param name="Health">Path of the health check.</param>
public sealed record RootResponse(string Message, string Version, string Docs, string Health);
