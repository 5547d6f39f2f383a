using System.Collections.Frozen;

namespace Dumont.Server.Offers;

/// <summary>The three groups of countries that offers are asked by.</summary>
internal static class OfferRegions
{
    private static readonly FrozenSet<string> Europe = (
        "AD AL AT BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE SI SK SM "
        + "UA UK VA XK").Split(' ').ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> Asia = (
        "AE AF AM AZ BD BH BN BT CN GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW "
        + "UZ VN YE").Split(' ').ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary><c>US</c>, <c>EU</c>, <c>ASIA</c> or null, of <c>South Korea, KR</c> or of a zone such as <c>europe-west4-a</c>.</summary>
    public static string? Of(string geolocation)
    {
        var country = geolocation[(geolocation.LastIndexOf(',') + 1)..].Trim();
        return country switch
        {
            _ when country.Equals("US", StringComparison.OrdinalIgnoreCase) || geolocation.StartsWith("us-", StringComparison.Ordinal) => "US",
            _ when Europe.Contains(country) || geolocation.StartsWith("europe-", StringComparison.Ordinal) => "EU",
            _ when Asia.Contains(country) || geolocation.StartsWith("asia-", StringComparison.Ordinal)
                || geolocation.StartsWith("me-", StringComparison.Ordinal) => "ASIA",
            _ => null,
        };
    }
}
