/* SPDX-License-Identifier: MIT */
#include <sallyport/pci.h>

#include <string.h>

#include "device/pci_parts.h"

#define TAG SP_STATE_TAG('P', 'C', 'I', ' ')

void sp_pci_save(const struct sp_pci *pci, struct sp_state_writer *writer) {
	sp_state_begin(writer, TAG, 1);
	sp_registers_save(&pci->table, pci->values, writer);
	sp_state_put_u8(writer, pci->wanted);
	sp_state_put_u32(writer, (uint32_t)sp_pci_value(pci, pci->where.msi_pending));
	sp_state_put_u16(writer, pci->desc.msix);
	sp_state_put_bytes(writer, pci->msix_table, pci->desc.msix * SP_PCI_MSIX_ENTRY);
	sp_state_put_bytes(writer, pci->msix_pending, sp_pci_pending_size(pci));
	sp_state_end(writer);
}

/* Reserved bits are 0, whatever the state says. */
static void take_msix(struct sp_pci *pci, const uint8_t *table, const uint8_t *pending) {
	memcpy(pci->msix_table, table, pci->desc.msix * SP_PCI_MSIX_ENTRY);
	memcpy(pci->msix_pending, pending, sp_pci_pending_size(pci));
	for (uint32_t i = 0; i < pci->desc.msix; i++) {
		uint8_t *entry = pci->msix_table + i * SP_PCI_MSIX_ENTRY;

		entry[0] &= 0xfc;
		entry[12] &= 1;
		entry[13] = entry[14] = entry[15] = 0;
	}
	for (uint32_t i = pci->desc.msix; i < 8 * sp_pci_pending_size(pci); i++)
		pci->msix_pending[i / 8] &= (uint8_t) ~(1u << i % 8);
}

bool sp_pci_load(struct sp_pci *pci, struct sp_state_reader *reader, struct sp_error *error) {
	const uint8_t *table, *pending;
	uint16_t version;
	uint32_t bits;

	if (!sp_state_find(reader, TAG, 1, &version, error))
		return false;
	sp_registers_load(&pci->table, pci->values, reader);
	pci->wanted = sp_state_get_u8(reader) != 0;
	bits = sp_state_get_u32(reader);
	if (sp_state_get_u16(reader) != pci->desc.msix)
		return sp_error_set(error, SP_ERROR_INPUT,
			"the state is that of a function with other interrupts");
	table = sp_state_get_bytes(reader, pci->desc.msix * SP_PCI_MSIX_ENTRY);
	pending = sp_state_get_bytes(reader, sp_pci_pending_size(pci));
	if (!sp_state_check(reader, error))
		return false;
	take_msix(pci, table, pending);
	if (pci->desc.msi)
		pci->values[pci->where.msi_pending] = bits & UINT32_MAX >> (32 - pci->desc.msi);
	if (pci->where.express != SP_PCI_NOWHERE)
		pci->values[pci->where.express] &= ~0x8000ull;
	sp_pci_changed(pci);
	if (pci->events->vector)
		pci->events->vector(pci->data, UINT32_MAX);
	return true;
}
