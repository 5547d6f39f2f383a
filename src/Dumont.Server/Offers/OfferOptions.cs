using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Offers;

/// <summary>How offers are read. Section <c>Offers</c>.</summary>
internal sealed class OfferOptions
{
    /// <summary>How long the answer to one search is used again. 0 to 60 s; default 2 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan CacheFor { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the reading of a whole market is used for figures. 0 s to 10 min; default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan MarketCacheFor { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Most offers that one search reads from the provider, cheapest first. 64 to 2048; default 256. Vast.ai gives 64 at a time and asks for
    /// six seconds between two calls.</summary>
    [Range(64, 2048)]
    public int SearchDepth { get; set; } = 256;
}
