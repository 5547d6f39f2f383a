namespace Dumont.Providers.Vast;

/// <summary>How to reach Vast.ai. The key is given apart, as a <see cref="Secret"/>.</summary>
public sealed record VastOptions
{
    /// <summary>Address in front of <c>api/v0/</c> and <c>api/v1/</c>. <c>vast.ai</c> itself redirects and will not do.</summary>
    public Uri BaseUrl { get; init; } = new("https://console.vast.ai/");

    /// <summary>Limit of one exchange, from the first byte sent to the last one read. Default 10 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Keeps the intervals that Vast.ai documents per endpoint (1 to 6 s). Off only for a local cloud that has none.</summary>
    public bool PaceRequests { get; init; } = true;
}
